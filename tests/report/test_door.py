"""What `wsol.report` offers by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wsol.report


def test_the_door_loads_nothing_until_a_name_is_asked_for() -> None:
    code = (
        "import sys, wsol.report as r; heavy = {'torch', 'pandas', 'matplotlib', 'rich', 'PIL', 'numba'};"
        "print(sorted(heavy & set(sys.modules)));"
        "r.summarize; print(sorted(heavy & set(sys.modules)));"
        "r.show, r.render_page, r.write_figures, r.coco_files;"
        "print('torch' in sys.modules, 'wsol.methods' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]", "False False"]


def test_every_name_of_the_door_is_the_one_of_its_module() -> None:
    for name in wsol.report.__all__:
        assert getattr(wsol.report, name).__name__ == name
    with pytest.raises(AttributeError, match=r"module 'wsol\.report' has no attribute 'summarise'"):
        wsol.report.summarise  # noqa: B018

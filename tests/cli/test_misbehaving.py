"""Code of somebody else's that ends the process, or gives what is no map: an error that names it, never success."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsol.cli import main
from wsol.settings import choices

FEW = ["dataset.n=3", "metric=[]", "protocol=[choe2020_v1]", "gallery=0", "table=false"]
HEAD = """
import numpy as np
import sys

import torch

from wsol.methods import method


@method("{key}", paper="none", year=2026, needs=("activations",), cost="1F")
class Mine:
    \"\"\"Mine: none.\"\"\"

    def __call__(self, layer):
        maps = layer.activations.sum(1)
        {body}
"""


@pytest.fixture(autouse=True)
def no_sources() -> object:
    yield
    choices.use()


@pytest.mark.default_cases(2)
@pytest.mark.parametrize(
    ("key", "body", "sentence"),
    [
        ("exits", "sys.exit(0)", "SystemExit: 0"),
        ("nothing", "return None", "nothing returned NoneType; expected raw maps of shape (1, h, w)"),
        ("numpys", "return maps.numpy()", "numpys returned ndarray; expected raw maps of shape (1, h, w)"),
        ("more", "return torch.cat([maps, maps[:1]])", "; expected raw maps of shape (1, h, w)"),
        ("sparses", "return maps.to_sparse()", "sparses returned a sparse tensor; expected raw maps with values"),
        ("metas", "return maps.to('meta')", "metas returned a meta tensor; expected raw maps with values"),
        ("complexes", "return maps + 1j", "complexes returned complex numbers; expected real raw maps"),
    ],
)
def test_a_method_is_named_with_the_image_and_others_keep_their_rows(
    key: str, body: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"{key}.py"
    file.write_text(HEAD.format(key=key, body=body))
    words = ["--with", str(file), f"method=[{key},gradcam]", f"paths.runs={tmp_path / 'runs'}"]
    assert main(["run", *FEW, *words]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"first {key}@stage5" in last
    assert " on test/00000: " in last
    assert sentence in last
    assert "1 of 2 variants failed" in last


def test_a_file_that_exits_is_not_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "leaves.py"
    file.write_text("import sys\nsys.exit(0)\n")
    assert main(["list", "methods", "--with", str(file)]) == 2
    assert capsys.readouterr().err.strip().endswith("leaves.py: SystemExit: 0")


def test_whatever_else_exits_is_not_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wsol.cli.list.print_table", lambda rows: exit(0))
    assert main(["list", "views"]) == 1
    assert "called sys.exit(0) before the work was done" in capsys.readouterr().err

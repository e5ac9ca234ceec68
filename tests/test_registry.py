"""Names are known from files; what they stand for is imported when it is asked for. Each in a fresh process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fresh_process import HEAVY, free_of, fresh
from wsol.datasets.base import datasets
from wsol.errors import ConfigError, UnknownName
from wsol.methods._base import methods
from wsol.metrics._base import metrics
from wsol.protocols._base import protocols
from wsol.registry import Registry


def test_names_of_methods_are_known_without_their_files() -> None:
    lines = ["from wsol.methods import methods", "assert 'gradcam' in methods and len(methods) > 40", free_of(*HEAVY)]
    fresh(*lines)


def test_asking_for_one_imports_its_file_alone() -> None:
    fresh(
        "from wsol.methods import methods",
        "assert methods['gradcam'].info.key == 'gradcam'",
        free_of("wsol.methods.layercam", "wsol.methods.scorecam", "wsol.methods.rise"),
        "assert 'wsol.methods.gradcam' in sys.modules",
    )


@pytest.mark.parametrize("registry", [methods, metrics, protocols, datasets], ids=lambda r: r.kind)
def test_every_name_stands_for_something(registry: Registry[object]) -> None:
    assert list(registry) == sorted(registry)
    assert len(registry) == len([registry[name] for name in registry]) == len(list(registry))
    assert "no such name" not in registry


def test_the_name_of_a_file_that_was_not_imported_is_taken() -> None:
    fresh(
        "from wsol.errors import ConfigError",
        "from wsol.methods import method",
        "try:",
        "    @method('layercam', paper='me', year=2026)",
        "    class Mine: pass",
        "except ConfigError as error:",
        "    assert \"two methods are named 'layercam': wsol.methods.layercam\" in str(error), error",
        "else:",
        "    raise AssertionError",
    )


def test_a_wrong_name_is_told_the_nearest_without_importing_all() -> None:
    fresh(
        "from wsol.errors import UnknownName",
        "from wsol.methods import methods",
        "try:",
        "    methods['gradcamm']",
        "except UnknownName as error:",
        "    assert \"nearest: 'gradcam'\" in str(error)",
        free_of(*HEAVY),
    )


def test_a_file_in_the_folder_is_a_component_under_its_stem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "things2026"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from wsol.registry import Registry\n"
        "things = Registry('thing', 'things2026')\n"
        "def thing(name):\n"
        "    return lambda cls: things.add(name, cls)\n"
    )
    (package / "one.py").write_text("from things2026 import thing\n@thing('one')\nclass One: pass\n")
    (package / "two.py").write_text("from things2026 import thing\n@thing('other')\nclass Two: pass\n")
    (package / "_helper.py").write_text("raise RuntimeError('a helper is not imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    things = __import__("things2026").things
    assert list(things) == ["one", "two"]
    assert "things2026.one" not in sys.modules
    assert things["one"].__name__ == "One"
    with pytest.raises(UnknownName, match="there is no thing 'three'"):
        things["three"]
    with pytest.raises(ConfigError, match="two things are named 'one'"):
        things.add("one", int)
    with pytest.raises(ConfigError, match=r"things2026/two.py registers no thing called 'two'; name the file"):
        things["two"]


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    "module",
    [
        "wsol.report.numbers.summary",
        "wsol.report.numbers.failures",
        "wsol.report.tables.table",
        "wsol.report.tables.compare",
        "wsol.report.page.html",
        "wsol.report.numbers.report_data",
        "wsol.report.figures.write",
        "wsol.report.export.frame",
        "wsol.report.export.trackers",
        "wsol.published.beside",
    ],
)
def test_readers_load_no_torch_and_no_method(module: str) -> None:
    fresh(
        f"import wsol, wsol.stats, wsol.runs.folder, {module}",
        free_of("torch", "torchvision", "wsol.models.forward", "wsol.metrics._base"),
        "assert not [name for name in sys.modules if name.startswith(('wsol.methods', 'wsol.metrics'))]",
    )


def test_help_and_completion_load_no_torch() -> None:
    said = fresh("from wsol.cli import main", "assert main(['run', '--help']) == 0", free_of(*HEAVY))
    assert "layercam" in said
    line = "wsol run method=grad"
    lines = ["from wsol.cli import main", "assert main(['-sc', 'query=bash']) == 0", free_of(*HEAVY)]
    said = fresh(*lines, COMP_LINE=line, COMP_POINT=str(len(line)))
    assert {"method=gradcam", "method=gradcam_pp"} <= set(said.split())


@pytest.mark.full
def test_options_of_a_method_complete_too() -> None:
    line = "wsol run method=layercam methods.layercam.ga"
    said = fresh("from wsol.cli import main", "main(['-sc', 'query=bash'])", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert "methods.layercam.gamma=" in said

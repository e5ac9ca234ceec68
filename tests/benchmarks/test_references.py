"""Published evaluators from a path: a stand-in of their shape agrees in every bit, and a change of it is found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wsol.cli import main, parity
from wsol.environment import benchmarks_dir
from wsol.registry import load_file

TWIN = Path(__file__).parents[1] / "reference" / "wsolevaluation"


def clone(folder: Path, edge: int = 1) -> Path:
    """The twin with a file beside it that it imports, as the released one has; `edge` moves all corners at the edge."""
    folder.mkdir()
    text = (TWIN / "evaluation.py").read_text("utf-8")
    text = text.replace("EDGE = 1", f"EDGE = {edge}").replace("import cv2", "import checks\nimport cv2")
    (folder / "evaluation.py").write_text(text, "utf-8")
    (folder / "checks.py").write_text("", "utf-8")
    return folder


def rows(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> list[dict[str, Any]]:
    assert main(["parity", "--json", "--maps", "8", *words]) == code
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_every_bit_agrees_with_an_evaluator_of_the_same_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = clone(tmp_path / "theirs")
    before, searched = set(sys.modules), list(sys.path)
    found = rows(capsys, "--reference", f"wsolevaluation={path}", code=0)
    assert [row["what"].partition(",")[2].strip() for row in found] == ["choe2020_v1", "choe2020_v2", ""]
    assert all(row["different"] == 0 and row["largest"] == 0 and row["n"] == 8 for row in found)
    assert found[0]["compared"] == 1000 + 7 * 255  # all thresholds of the first map, those that differ of the others
    assert sys.path == searched
    assert "checks" not in set(sys.modules) - before
    assert not hasattr(np, "float")


def test_one_pixel_at_the_edge_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, "--reference", f"wsolevaluation={clone(tmp_path / 'theirs', edge=0)}", code=1)
    assert found[0]["different"] > 0
    assert found[1]["different"] > 0
    assert found[2]["different"] == 0


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("wsolevaluation", "write NAME=PATH"),
        ("wsolevaluatoin=x", "nearest: 'wsolevaluation'"),
        ("wsolevaluation=/no/such/folder", "has no evaluation.py; give the folder of a clone"),
    ],
)
def test_a_wrong_reference_is_one_sentence(word: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", "--reference", word]) == 2
    assert sentence in capsys.readouterr().err


def test_what_the_repository_lacks_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = clone(tmp_path / "theirs")
    (path / "checks.py").write_text("import a_package_that_is_not_there", "utf-8")
    assert main(["parity", "--reference", f"wsolevaluation={path}"]) == 2
    assert "can't be imported: No module named 'a_package_that_is_not_there'" in capsys.readouterr().err.replace(
        "ModuleNotFoundError: ", ""
    )


def test_all_needs_an_evaluator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", "--all"]) == 2
    assert "give at least one, --reference wsolevaluation=PATH" in capsys.readouterr().err


def test_all_without_other_libraries_leaves_the_methods_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = parity._file("compare.py")
    monkeypatch.setattr(compare.peers, "INSTALLED", [])
    monkeypatch.setattr(parity, "_file", lambda name, own=parity._file: compare if name == "compare.py" else own(name))
    assert main(["parity", "--all", "--maps", "1", "--json", "--reference", f"wsolevaluation={TWIN}"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 3
    assert "no other library is installed, so methods are left out" in err


def test_fuzzed_maps_have_what_they_are_for() -> None:
    fuzz = load_file(benchmarks_dir() / "parity" / "fuzzed_maps.py")
    made = list(fuzz.cases(64))
    assert {case.kind for case in made} == set(fuzz.KINDS)
    assert any(case.raw.shape[0] != case.raw.shape[1] for case in made)
    assert any(np.isnan(case.raw).any() for case in made)
    assert any(len(np.unique(case.raw)) < 6 for case in made if case.kind == "ties")
    again = list(fuzz.cases(64))
    assert all(np.array_equal(a.raw, b.raw, equal_nan=True) for a, b in zip(made, again, strict=True))

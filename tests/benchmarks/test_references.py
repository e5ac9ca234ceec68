"""Published evaluators from a path: a stand-in of their shape agrees in every bit, and a change of it is found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wsol.cli import main
from wsol.environment import benchmarks_dir
from wsol.registry import load_file

# the evaluator's functions, written anew: one threshold, one contour, one pair of boxes after the other
EVALUATION = """
import cv2
import numpy as np
from checks import check

def resize_bbox(box, image_size, resize_size):
    sides = [*image_size, *image_size], [*resize_size, *resize_size]
    return tuple(int(float(c) * float(new) / float(old)) for c, old, new in zip(box, *sides))

def compute_bboxes_from_scoremaps(scoremap, scoremap_threshold_list, multi_contour_eval=False):
    check(scoremap)
    levels = (scoremap * 255).astype(np.uint8)
    height, width = levels.shape
    boxes = []
    for tau in scoremap_threshold_list:
        mask = (levels > int(tau * levels.max())).astype(np.uint8)
        contours = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
        if not multi_contour_eval and contours:
            contours = [max(contours, key=cv2.contourArea)]
        rects = [cv2.boundingRect(c) for c in contours]
        found = [[x, y, min(x + w, width - END), min(y + h, height - END)] for x, y, w, h in rects]
        boxes.append(np.array(found or [[0, 0, 0, 0]]))
    return boxes, [len(b) for b in boxes]

def calculate_multiple_iou(box_a, box_b):
    out = np.zeros((len(box_a), len(box_b)))
    for i, a in enumerate(box_a):
        for j, b in enumerate(box_b):
            wide, high = (max(0, min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + 1) for k in (0, 1))
            areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
            out[i, j] = wide * high / (sum(areas) - wide * high)
    return out
"""
CHECKS = """
import numpy as np

def check(scoremap):
    if scoremap.dtype != np.float:
        raise TypeError("not a float")
    if np.isnan(scoremap).any():
        raise ValueError("nans")
"""


def clone(folder: Path, end: int = 1) -> Path:
    folder.mkdir()
    (folder / "evaluation.py").write_text(EVALUATION.replace("END", str(end)), "utf-8")
    (folder / "checks.py").write_text(CHECKS, "utf-8")
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
    assert found[0]["compared"] == 8_000
    assert sys.path == searched
    assert "checks" not in set(sys.modules) - before
    assert not hasattr(np, "float")


def test_one_pixel_at_the_edge_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, "--reference", f"wsolevaluation={clone(tmp_path / 'theirs', end=0)}", code=1)
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


def test_fuzzed_maps_have_what_they_are_for() -> None:
    fuzz = load_file(benchmarks_dir() / "parity" / "fuzzed_maps.py")
    made = list(fuzz.cases(64))
    assert {case.kind for case in made} == set(fuzz.KINDS)
    assert any(case.raw.shape[0] != case.raw.shape[1] for case in made)
    assert any(np.isnan(case.raw).any() for case in made)
    assert any(len(np.unique(case.raw)) < 6 for case in made if case.kind == "ties")
    again = list(fuzz.cases(64))
    assert all(np.array_equal(a.raw, b.raw, equal_nan=True) for a, b in zip(made, again, strict=True))

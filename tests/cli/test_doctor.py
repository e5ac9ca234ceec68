"""`wsol doctor`: the installation and the data. A method of one's own: test_plugins.py."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from wsol.cli import main


def lines(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[tuple[str, str]]:
    """What the doctor prints: (state, text) of each line."""
    assert main(["doctor", *words]) == code
    printed = capsys.readouterr().out.splitlines()
    return [(line[:5].strip(), line[5:]) for line in printed]


def test_the_installation_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys)
    assert {state for state, _ in printed} <= {"ok", "note"}
    assert {"torch and torchvision fit each other", "boxes: the compiled sweep works"} <= {t for _, t in printed}


def test_weights_that_are_not_there_are_bad(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys, "model=shapes_gap", "model.weights=nowhere.pth", code=1)
    (bad,) = [text for state, text in printed if state == "bad"]
    assert "nowhere.pth" in bad


def test_each_finding_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["dataset=shapes", "dataset.limit=3", "model=shapes_gap", "method=[gradcam,gradcam]"]
    printed = lines(capsys, *words)
    assert len(printed) == len(set(printed))
    chosen = [text for state, text in printed if state == "ok" and text.startswith(("dataset", "model", "method"))]
    assert chosen[0].startswith("dataset shapes: 3 samples, ")
    assert chosen[0].endswith("first, middle and last open: test/00000 ... test/00002")
    assert chosen[1] == "model shapes_gap: 10 classes, weights embedded:1f65491e2144"
    assert chosen[2].startswith("method gradcam@stage5 keeps the ")
    assert len(chosen) == 3


def test_names_of_labels_are_printed_with_their_class_indices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["image_id,label,x0,y0,x1,y1"]
    for name in ("dog", "cat", "bird"):
        PIL.Image.new("RGB", (32, 24)).save(tmp_path / f"{name}.png")
        rows.append(f"{name}.png,{name},1,1,9,9")
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    where = ["dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path / 'boxes.csv'}"]
    assert ("note", "labels are names, as class indices: 0 bird, 1 cat, 2 dog") in lines(capsys, *where)


def test_what_is_wrong_is_bad_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path / 'no.csv'}"]
    bad = [text for state, text in lines(capsys, *where, code=1) if state == "bad"]
    assert len(bad) == 1
    assert "there is no file for dataset.annotations: " in bad[0]

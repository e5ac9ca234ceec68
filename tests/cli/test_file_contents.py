"""The command line on files that change, that name classes, or that would leave their folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from wsol.cli import main
from wsol.datasets import contents
from wsol.models.zoo import load_classifier
from wsol.runs.folder import RunFolder


@pytest.fixture
def birds(tmp_path: Path) -> list[str]:
    """Two images and their boxes under the names of two classes, and words for a run over them."""
    for n in range(2):
        PIL.Image.new("RGB", (64, 64), (200 * n, 90, 30)).save(tmp_path / f"{n}.bmp")
    (tmp_path / "a.csv").write_text("image_id,label,x0,y0,x1,y1\n0.bmp,cat,0,0,64,64\n1.bmp,dog,0,0,64,64")
    (tmp_path / "names.txt").write_text("\n".join(["bird", "cat", "dog", *map(str, range(7))]))
    data = ["dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path / 'a.csv'}"]
    return [
        "run",
        *data,
        "method=gradcam",
        "protocol=exact",
        "metric=[]",
        f"paths.runs={tmp_path / 'runs'}",
        "gallery=0",
    ]


def test_the_same_command_on_images_of_as_many_bytes_computes_them_anew(birds: list[str], tmp_path: Path) -> None:
    words = [*birds, f"model.classes={tmp_path / 'names.txt'}"]
    assert main(words) == 0
    PIL.Image.new("RGB", (64, 64), (3, 2, 1)).save(tmp_path / "0.bmp")
    assert main(words) == 0
    assert len(list((tmp_path / "runs").glob("*/run.json"))) == 2


def test_verify_reads_images_whose_change_left_no_trace(
    birds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a file system that keeps neither inodes nor times."""
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    key = contents.key_of
    monkeypatch.setattr(contents, "key_of", lambda path: (found := key(path)) and (found[0], "1/1/1/1/1"))
    words = [*birds, f"model.classes={tmp_path / 'names.txt'}"]
    runs = tmp_path / "runs"
    assert main(words) == 0
    PIL.Image.new("RGB", (64, 64), (3, 2, 1)).save(tmp_path / "0.bmp")
    assert main(words) == 0
    assert len(list(runs.glob("*/run.json"))) == 1
    capsys.readouterr()
    assert main([*words, "--verify"]) == 0
    err = capsys.readouterr().err
    assert "1 of 2 files differ from when they were first read" in err
    assert "0.bmp" in err
    assert len(list(runs.glob("*/run.json"))) == 2


def test_names_need_the_names_of_the_network(
    birds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = load_classifier("shapes_gap").module.state_dict()
    torch.save({"model": state, "model_ema": state}, tmp_path / "w.pth")
    weights = f"model.weights={tmp_path / 'w.pth'}@model_ema"
    assert main([*birds, weights]) == 2
    assert "model.classes=FILE" in capsys.readouterr().err
    assert main([*birds, weights, f"model.classes={tmp_path / 'names.txt'}"]) == 0
    (rows,) = (RunFolder(p.parent) for p in (tmp_path / "runs").glob("*/run.json"))
    (table,) = rows.tables().values()
    assert table["label"].to_pylist() == [1, 2]
    (tmp_path / "few.txt").write_text("cat\ndog")
    assert main([*birds, f"model.classes={tmp_path / 'few.txt'}"]) == 2
    assert "names 2 classes, and shapes_gap has" in capsys.readouterr().err


def test_explain_turns_photographs_and_keeps_its_names_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.new("RGB", (80, 40)).save(tmp_path / "photo.jpg", exif=exif)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main(["explain", "../photo.jpg", "method=gradcam", "-o", "out"]) == 0
    picture = next(Path("out").glob("*--gradcam*.png"))
    with PIL.Image.open(picture) as shown, np.load("out/maps.npz") as maps:
        assert shown.height > shown.width  # upright, as people see it
        assert not any(".." in name or name.startswith("/") for name in maps.files)

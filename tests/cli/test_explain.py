"""`wsol explain`: pictures and maps of single images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from wsol.cli import main


def test_pictures_and_maps_of_images_of_the_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["explain", "test/00000", "method=[gradcam,layercam]", "dataset.n=4", "-o", str(out)]
    assert main(words) == 0
    names = {"test_00000.png", "test_00000--gradcam@stage5.png", "test_00000--layercam@stage5.png", "maps.npz"}
    assert {f.name for f in out.iterdir()} == names
    assert set(capsys.readouterr().out.split()) == {str(out / n) for n in names}
    with np.load(out / "maps.npz") as maps:
        assert set(maps.files) == {"test/00000/gradcam@stage5", "test/00000/layercam@stage5"}
        assert all(maps[name].ndim == 2 and np.isfinite(maps[name]).all() for name in maps.files)


def test_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for folder, grey in (("a", 40), ("b", 200)):
        (tmp_path / folder).mkdir()
        PIL.Image.new("RGB", (96, 64), (grey, grey, grey)).save(tmp_path / folder / "photo.png")
    out = tmp_path / "out"
    words = [str(tmp_path / f / "photo.png") for f in "ab"]
    assert main(["explain", *words, "method=[centergauss]", "-o", str(out)]) == 0
    assert len(list(out.glob("*.png"))) == 4
    with np.load(out / "maps.npz") as maps:
        assert len(maps.files) == 2


def test_a_method_that_fails_is_named_and_the_others_are_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["explain", "test/00000", "model=shapes_vgg", "method=[cam,gradcam]", "dataset.n=4", "-o", str(out)]
    assert main(words) == 1
    names = {"test_00000.png", "test_00000--gradcam@stage5.png", "maps.npz"}
    assert {f.name for f in out.iterdir()} == names
    told = capsys.readouterr()
    assert set(told.out.split()) == {str(out / n) for n in names}
    assert (
        "1 maps are missing, first cam@stage5 on test/00000: HeadError: the method needs one linear layer" in told.err
    )
    assert main([*words[:3], "method=[cam]", *words[4:-1], str(tmp_path / "none")]) == 1
    assert not list((tmp_path / "none").iterdir())

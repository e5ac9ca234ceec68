"""The pictures of the documentation: none is missing, all are small, and drawing one again gives the committed one."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from scripts.draw_pictures import PICTURES, draw, figures
from scripts.pictures.canvas import LIMIT
from tests.docs.snippets import ROOT
from wsol.methods._base import methods

USUAL = 65_000  # bytes of a picture on average: there is one for every method
(DRAWN_BY,) = re.findall(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text(), re.M)
as_committed = pytest.mark.skipif(
    version("matplotlib") != DRAWN_BY, reason=f"letters and margins are those of matplotlib {DRAWN_BY}"
)


def difference(one: Path, other: Path) -> tuple[float, float]:
    """Of two pictures of one size: the mean difference in grey levels, and the share of pixels more than 16 apart."""
    with Image.open(one) as first, Image.open(other) as second:
        a, b = (np.asarray(picture.convert("L"), float) for picture in (first, second))
    assert a.shape == b.shape
    apart = np.abs(a - b)
    return float(apart.mean()), float((apart > 16).mean())


def test_every_picture_is_there_one_per_method_and_no_other() -> None:
    there = {str(file.relative_to(PICTURES)) for file in PICTURES.rglob("*") if file.is_file()}
    assert there == set(figures()), "run: python scripts/draw_pictures.py"
    assert {f"methods/{key}.jpg" for key in methods.packaged()} == {n for n in figures() if n.startswith("methods/")}


def test_pictures_are_small_and_say_nothing_of_the_machine() -> None:
    files = [file for file in PICTURES.rglob("*") if file.is_file()]
    assert max(file.stat().st_size for file in files) <= LIMIT
    assert sum(file.stat().st_size for file in files) < USUAL * len(files)
    for file in files:
        with Image.open(file) as picture:
            assert not {"Software", "exif", "comment", "date:create"} & set(picture.info), file.name


def drawn_again(name: str, tmp_path: Path) -> Path:
    """A picture, drawn now."""
    return draw(name, tmp_path / Path(name).name)


@as_committed
def test_a_picture_drawn_again_is_the_committed_one(tmp_path: Path) -> None:
    again = drawn_again("methods/lafam.jpg", tmp_path)
    mean, apart = difference(again, PICTURES / "methods/lafam.jpg")
    assert mean < 0.5
    assert apart < 0.001
    mean, apart = difference(again, PICTURES / "methods/cam.jpg")  # another method's is far from that
    assert mean > 2
    assert apart > 0.01


@pytest.mark.default_cases(1)
@as_committed
@pytest.mark.parametrize("method", ["oraclemap", "greedyorder", "acol"])
def test_pictures_of_ceilings_and_of_two_branches_are_those_that_are_drawn_now(method: str, tmp_path: Path) -> None:
    name = f"methods/{method}.jpg"
    mean, apart = difference(drawn_again(name, tmp_path), PICTURES / name)
    assert mean < 0.5
    assert apart < 0.001


@pytest.mark.full
@as_committed
@pytest.mark.parametrize(
    "name", ["images.jpg", "threshold_to_box.jpg", "every_protocol.jpg", "layercam_story.jpg", "one_knob.png"]
)
def test_the_pictures_that_tell_a_story_are_those_that_are_drawn_now(name: str, tmp_path: Path) -> None:
    mean, apart = difference(drawn_again(name, tmp_path), PICTURES / name)
    assert mean < 0.5
    assert apart < 0.001

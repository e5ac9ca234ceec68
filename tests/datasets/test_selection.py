"""Parts of a data set: classes, sizes of objects, splits of lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from tests.datasets.trees import write
from wsol.datasets.base import Sample
from wsol.datasets.formats.folder import Folder
from wsol.datasets.formats.shapes import Shapes
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.selection import OfSize
from wsol.errors import ConfigError, DataError


def of(*boxes: Sequence[float], size_wh: tuple[int, int] = (300, 200)) -> Sample:
    return Sample("a", 0, np.array(boxes, np.float64).reshape(-1, 4), size_wh)


@pytest.mark.parametrize(
    ("boxes", "coco", "share"),
    [
        ([(0, 0, 31, 33)], "small", "small"),
        ([(0, 0, 32, 32)], "medium", "small"),
        ([(0, 0, 95, 97)], "medium", "medium"),
        ([(0, 0, 96, 96)], "large", "medium"),
        ([(0, 0, 100, 150)], "large", "large"),
        ([(0, 0, 5, 5), (10, 10, 110, 110), (0, 0, 1, 1)], "large", "medium"),  # the largest counts
    ],
)
def test_the_largest_box_decides_the_size(boxes: list[Sequence[float]], coco: str, share: str) -> None:
    for rule, expected in (("coco", coco), ("share", share)):
        assert [size for size in ("small", "medium", "large") if OfSize(size, rule).has(of(*boxes))] == [expected]


def test_parts_are_taken_before_the_first_ones() -> None:
    whole = Shapes(n=40).samples()
    wanted = [s.image_id for s in whole if s.label == 3]
    assert [s.image_id for s in Shapes(n=40, classes=(3,)).samples()] == wanted
    assert [s.image_id for s in Shapes(n=40, classes=(3,), limit=2).samples()] == wanted[:2]
    name = Shapes().class_names[3]
    assert [s.image_id for s in Shapes(n=40, classes=(name,)).samples()] == wanted


def test_a_part_is_another_data_set_with_the_same_images() -> None:
    whole, some, few = Shapes(n=40), Shapes(n=40, classes=(3, 4)), Shapes(n=40, classes=(3, 4), limit=2)
    assert len({whole.fingerprint(), some.fingerprint(), few.fingerprint()}) == 3
    assert whole.fingerprint() == Shapes(n=40, size_rule="share").fingerprint()  # without a size it does nothing
    assert Shapes(n=40, size="large").fingerprint() != Shapes(n=40, size="large", size_rule="share").fingerprint()
    assert some.stamp(some.samples()[0]) == whole.stamp(some.samples()[0])


def test_a_table_says_what_was_chosen() -> None:
    name = Shapes().class_names[4]
    assert Shapes(n=40, classes=(3, name), size="large", size_rule="share").notes() == (
        f"Only classes 3, {name}.",
        "Only large objects: by the area of the largest box, bounds at a ninth and a quarter of the image.",
    )
    assert Shapes(n=4).notes() == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"classes": ()}, r"dataset\.classes=\[\] leaves no image"),
        ({"classes": (77,)}, "no image has the class index 77; there are 0 to 9"),
        ({"classes": ("crow",)}, "there is no class of this data set called 'crow'"),
        ({"scales": (0.9, 0.95), "size": "small"}, r"dataset\.size=small leaves none of 40 samples; try another size"),
    ],
)
def test_what_is_not_there_is_said(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Shapes(n=40, **options).samples()


def test_names_are_refused_where_classes_are_numbers(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "image_id,label,x0,y0,x1,y1,width,height\n1.png,4,1,1,5,6,8,8")
    with pytest.raises(ConfigError, match="are numbers, not names such as 'cat'; there are only 4"):
        Folder(images=None, annotations=tmp_path / "a.csv", classes=("cat",)).samples()


def test_lists_have_the_splits_in_and_beside_their_folder(tmp_path: Path) -> None:
    for split in ("test", "val"):
        trees.lists(tmp_path / split, [f"{split}/1.png", f"{split}/2.png"], sizes=[(8, 6)] * 2)

    def first(metadata: Path, split: str) -> str:
        return WsolEvaluation(images=None, metadata=metadata, split=split).samples()[0].image_id

    assert first(tmp_path / "test", "") == "test/1.png"
    assert first(tmp_path / "test", "test") == "test/1.png"
    assert first(tmp_path / "test", "val") == "val/1.png"
    assert first(tmp_path, "val") == "val/1.png"
    with pytest.raises(DataError, match=r"dataset\.split=train: there are no such lists in or beside"):
        first(tmp_path / "test", "train")

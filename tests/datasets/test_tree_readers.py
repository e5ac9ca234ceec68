"""Readers of published layouts, each on a tiny tree: samples, masks, and what options change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets import trees
from tests.datasets.conftest import paint
from tests.datasets.opened_trees import Facts, facts, opened
from tests.datasets.trees import BOX, indexed, levels, write
from wsol.datasets.base import datasets
from wsol.datasets.formats.parquet import _names_of
from wsol.datasets.formats.voc import CLASSES
from wsol.errors import DataError
from wsol.options import build


def box_of(mask: np.ndarray | None) -> list[int]:
    """The tight half-open box of a mask's object, which must fill it."""
    assert mask is not None
    ys, xs = np.nonzero(mask == 1)
    box = [int(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)]
    assert (mask[box[1] : box[3], box[0] : box[2]] == 1).all()
    return box


CAT = [2.0, 1.0, 6.0, 5.0]
READ: dict[str, tuple[Facts, tuple[str, ...], str]] = {  # samples, class names, split
    "voc": (
        [
            ("JPEGImages/1.jpg#cat", 7, [CAT]),
            ("JPEGImages/1.jpg#dog", 11, [[0, 0, 2, 6]]),
            ("JPEGImages/2.jpg", 7, [CAT]),
        ],
        CLASSES,
        "val",
    ),
    "yolo": ([("images/val/1.jpg", 1, [CAT]), ("images/val/2.jpg", 0, [CAT])], ("cat", "dog"), "val"),
    "yolo-roboflow": ([("valid/images/1.jpg", 0, [CAT])], ("cat",), "valid"),
    "labelme": ([("1.jpg#cat", 0, [CAT]), ("1.jpg#dog", 1, [[0, 4, 8, 6]]), ("2.jpg", 0, [CAT])], ("cat", "dog"), ""),
    "pets": (
        [("images/Abyssinian_1.jpg", 0, [CAT]), ("images/Bengal_2.jpg", 1, [CAT])],
        ("Abyssinian", "Bengal"),
        "test",
    ),
    "imagenet_s": (
        [("validation/n01440764/1.JPEG", 0, [CAT]), ("validation/n01443537/1.JPEG", 1, [CAT])],
        ("n01440764", "n01443537"),
        "validation",
    ),
    "places": (
        [("Places365_val_00000001.jpg", 1, []), ("Places365_val_00000002.jpg", 0, [])],
        ("airfield", "apartment_building/outdoor"),
        "val",
    ),
    "parquet": (
        [
            ("data/validation-00000-of-00001.parquet/00000000#cat", 0, [CAT]),
            ("data/validation-00000-of-00001.parquet/00000000#dog", 1, [[0, 0, 8, 2]]),
            ("data/validation-00000-of-00001.parquet/00000001", 1, [[0, 0, 8, 6]]),
        ],
        ("cat", "dog"),
        "validation",
    ),
    "arrow": (
        [
            ("data-00000-of-00001.arrow/00000000#cat", 0, [CAT]),
            ("data-00000-of-00001.arrow/00000000#dog", 1, [[0, 0, 8, 2]]),
            ("data-00000-of-00001.arrow/00000001", 1, [[0, 0, 8, 6]]),
        ],
        ("cat", "dog"),
        "",
    ),
    "inatloc500": ([("1/a.jpg", 0, [CAT]), ("2/b.jpg", 1, [CAT])], (), "test"),
}


@pytest.mark.parametrize("name", READ)
def test_samples_are_what_the_tree_says(name: str, tmp_path: Path) -> None:
    data = opened(name, tmp_path / "tree")
    samples, names, split = READ[name]
    assert (facts(data), tuple(data.class_names), data.split) == (samples, names, split)


@pytest.mark.parametrize("name", ["voc", "yolo", "labelme", "pets", "imagenet_s", "coco"])
def test_masks_show_the_object(name: str, tmp_path: Path) -> None:
    data = opened(name, tmp_path / "tree")
    with_mask = [s for s in data.samples() if data.mask(s) is not None]
    assert with_mask
    for sample in with_mask:
        if sample.boxes_xyxy.tolist() == [CAT]:
            assert box_of(data.mask(sample)) == list(BOX)


@pytest.mark.parametrize("name", ["voc", "pets", "imagenet_s"])
def test_borders_of_masks_are_ignored(name: str, tmp_path: Path) -> None:
    data = opened(name, tmp_path / "tree")
    mask = data.mask(data.samples()[0])
    assert np.array_equal(mask, levels(0, 1, border=255))


@pytest.mark.parametrize("name", ["voc", "pets", "imagenet_s"])
def test_another_mask_is_another_data_set(name: str, tmp_path: Path) -> None:
    data = opened(name, tmp_path / "tree")
    sample = data.samples()[0]
    before = data.fingerprint(), data.stamp(sample)
    file = data.folder / data.entry(sample).mask_file
    content = file.read_bytes()
    file.unlink()
    indexed(file, levels(0, 2, border=1))
    with pytest.raises(DataError, match="was changed during the run"):
        data.mask(sample)
    assert opened(name, tmp_path / "tree").fingerprint() != before[0]
    assert opened(name, tmp_path / "tree").stamp(sample) != before[1]
    file.write_bytes(content)
    again = opened(name, tmp_path / "tree")
    assert (again.fingerprint(), again.stamp(sample)) == before


def test_difficult_objects_count_where_they_are_asked_for(tmp_path: Path) -> None:
    assert [len(boxes) for _, _, boxes in facts(opened("voc", tmp_path / "tree", difficult=True))] == [1, 1, 2]
    assert [i for i, _, _ in facts(opened("voc", tmp_path / "tree", split="train"))] == ["JPEGImages/3.jpg"]
    assert [i for i, _, _ in facts(opened("voc", tmp_path / "tree", split=""))][-1] == "JPEGImages/3.jpg"


def test_classes_of_one_s_own_are_numbered_by_name_in_a_tree_like_voc(tmp_path: Path) -> None:
    opened("voc", tmp_path / "tree")
    base = tmp_path / "tree" / "VOCdevkit" / "VOC2012"
    write(base / "Annotations" / "2.xml", trees.voc_xml(("aardvark", (3, 2, 6, 5), 0)))
    data = opened("voc", tmp_path / "tree")
    assert data.class_names == ("aardvark", "cat", "dog")
    assert [s.label for s in data.samples()] == [1, 2, 0]


def test_a_class_without_names_is_its_index_in_yolo(tmp_path: Path) -> None:
    opened("yolo", tmp_path / "tree")
    (tmp_path / "tree" / "data.yaml").unlink()
    data = opened("yolo", tmp_path / "tree")
    assert ([s.label for s in data.samples()], data.class_names, data.numbers_names) == ([1, 0], (), False)
    write(tmp_path / "tree" / "classes.txt", "Felis catus\nCanis lupus\n")
    assert opened("yolo", tmp_path / "tree").class_names == ("Felis catus", "Canis lupus")


def test_what_rounding_puts_outside_is_cut_off_and_more_is_counted_in_yolo(tmp_path: Path) -> None:
    opened("yolo", tmp_path / "tree")
    write(tmp_path / "tree" / "labels" / "val" / "1.txt", f"1 {4 / 8} {3 / 6} 1.01 1\n")
    data = opened("yolo", tmp_path / "tree")
    assert (data.samples()[0].boxes_xyxy.tolist(), data.notes()) == ([[0, 0, 8, 6]], ())
    write(tmp_path / "tree" / "labels" / "val" / "1.txt", f"1 1 {3 / 6} 1 1\n")
    data = opened("yolo", tmp_path / "tree")
    assert data.samples()[0].boxes_xyxy.tolist() == [[4, 0, 8, 6]]
    assert data.notes() == ("1 box past the edge of its image is cut off there.",)


def test_heads_of_pets_are_boxes_where_they_are_asked_for(tmp_path: Path) -> None:
    data = opened("pets", tmp_path / "tree", boxes="head")
    assert [boxes for _, _, boxes in facts(data)] == [[[3, 2, 4, 3]]] * 2
    assert box_of(data.mask(data.samples()[0])) == list(BOX)
    other = opened("pets", tmp_path / "tree", split="trainval")
    assert [i for i, _, _ in facts(other)] == ["images/Abyssinian_1.jpg", "images/Bengal_3.jpg"]


def test_missing_folders_of_classes_are_noticed_in_imagenet_s(tmp_path: Path) -> None:
    """The levels of masks count all classes of the set."""
    opened("imagenet_s", tmp_path / "tree")
    root = tmp_path / "tree" / "ImageNetS"
    for kind in ("validation", "validation-segmentation"):
        for file in (root / kind / "n01440764").iterdir():
            file.unlink()
        (root / kind / "n01440764").rmdir()
    with pytest.raises(DataError, match="shows class 2, and n01443537 is class 1 among the folders there"):
        opened("imagenet_s", tmp_path / "tree").samples()
    write(tmp_path / "categories.txt", "n01440764 tench\nn01443537 goldfish\n")
    data = opened("imagenet_s", tmp_path / "tree", categories=str(tmp_path / "categories.txt"))
    assert facts(data) == [("validation/n01443537/1.JPEG", 1, [CAT])]


def test_places_have_boxes_from_a_table(tmp_path: Path) -> None:
    write(tmp_path / "boxes.csv", "image_id,x0,y0,x1,y1\nPlaces365_val_00000002.jpg,2,1,6,5\n")
    data = opened("places", tmp_path / "tree", annotations=str(tmp_path / "boxes.csv"))
    assert facts(data) == [("Places365_val_00000002.jpg", 0, [CAT])]


def test_swapped_sizes_of_inatloc500_are_turned_and_counted(tmp_path: Path) -> None:
    data = opened("inatloc500", tmp_path / "tree")
    assert data.notes() == ("1 size of the lists has width and height swapped.",)
    paint(tmp_path / "tree" / "iNatLoc500" / "2" / "b.jpg", (9, 9))
    with pytest.raises(DataError, match=r"image '2/b.jpg' is 9x9 pixels, and 6x8 in .*image_sizes.txt"):
        opened("inatloc500", tmp_path / "tree").samples()


@pytest.mark.parametrize("with_images", [True, False])
def test_inatloc500_as_its_description_has_it_is_read_as_the_layout_has_it(with_images: bool, tmp_path: Path) -> None:
    """image_height, image_width and x_min, x_max, y_min, y_max (dataset/README.md of visipedia/inat_loc)."""
    options = {} if with_images else {"images": None}
    expected = facts(opened("inatloc500", tmp_path / "tree"))
    lists = tmp_path / "tree" / "metadata" / "iNatLoc500" / "test"
    write(lists / "image_sizes.txt", "1/a.jpg,6,8\n2/b.jpg,6,8")
    write(lists / "localization.txt", "1/a.jpg,2,6,1,5\n2/b.jpg,3,8,0,2")
    data = opened("inatloc500", tmp_path / "tree", **options)
    assert facts(data) == [expected[0], ("2/b.jpg", 1, [[3, 0, 8, 2]])]
    assert data.notes() == (
        "2 sizes of the lists have width and height swapped.",
        "Boxes of the lists are x_min, x_max, y_min, y_max.",
    )
    write(lists / "localization.txt", "1/a.jpg,6,2,5,1\n2/b.jpg,3,8,0,2")
    with pytest.raises(DataError, match="is inverted"):
        opened("inatloc500", tmp_path / "tree", **options).samples()


def test_a_table_can_have_one_box_and_one_label_per_image(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = {"img": trees.table_rows()["image"], "kind": ["dog", "cat"], "xyxy": [[2, 1, 6, 5], [0, 0, 8, 6]]}
    pq.write_table(pa.table(rows), tmp_path / "mine.parquet")
    columns = {"image_column": "img", "label_column": "kind", "box_column": "xyxy", "box_format": "xyxy"}
    data = build(datasets["parquet"], {"root": str(tmp_path / "mine.parquet"), **columns}, where="dataset")
    assert facts(data) == [("mine.parquet/00000000", 1, [CAT]), ("mine.parquet/00000001", 0, [[0, 0, 8, 6]])]
    columns["label_column"] = "kinds"
    wrong = build(datasets["parquet"], {"root": str(tmp_path / "mine.parquet"), **columns}, where="dataset")
    with pytest.raises(DataError, match="no column of labels 'kinds'; nearest: 'kind'"):
        wrong.samples()


NAMES = {"names": ["cat", "dog"], "_type": "ClassLabel"}


@pytest.mark.parametrize(
    ("features", "path"),
    [
        ({"label": NAMES}, "label"),
        ({"labels": {"feature": NAMES, "_type": "Sequence"}}, "labels"),
        ({"objects": {"feature": {"category": NAMES}, "_type": "Sequence"}}, "objects.category"),
        ({"objects": {"category": {"feature": NAMES, "_type": "List"}, "bbox": {}}}, "objects.category"),
        ({"objects": [{"category": NAMES}]}, "objects.category"),
    ],
)
def test_names_of_classes_are_found_wherever_datasets_nests_them(features: dict[str, Any], path: str) -> None:
    assert _names_of(features, path) == ("cat", "dog")
    assert _names_of(features, "other") == _names_of({}, path) == ()

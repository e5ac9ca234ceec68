"""Readers of published layouts, each on a tiny tree: samples, masks, and a sentence for what is malformed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets import trees
from tests.datasets.conftest import paint
from tests.datasets.trees import BOX, TREES, indexed, labelme_file, levels, write
from wsol.datasets.base import Dataset, datasets
from wsol.datasets.formats.parquet import _names_of
from wsol.datasets.formats.voc import CLASSES
from wsol.datasets.recognition import guesses
from wsol.errors import DataError, WsolError
from wsol.options import build

Facts = list[tuple[str, int, list[list[float]]]]


def opened(name: str, root: Path, **options: Any) -> Dataset:
    """The tree of that name, written and read with the options that are guessed and these."""
    key, writer = TREES[name]
    if not root.exists():
        writer(root)
    guess = next(guess for guess in guesses(root) if guess.key == key)
    return build(datasets[key], {**guess.options, **options}, where="dataset")


def facts(data: Dataset) -> Facts:
    assert {s.size_wh for s in data.samples()} == {(8, 6)}
    return [(s.image_id, s.label, s.boxes_xyxy.tolist()) for s in data.samples()]


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


@pytest.mark.parametrize("column", ["image", "kind"])
def test_a_table_whose_texts_are_no_utf_8_is_refused(column: str, tmp_path: Path) -> None:
    """Neither format checks them: the values are decoded last."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 2, 4], np.int32)), pa.py_buffer(b"\xf0\xf0ab"))
    images = [one["bytes"] for one in trees.table_rows()["image"]]
    paths = broken if column == "image" else pa.array(["1.jpg", "2.jpg"])
    image = pa.StructArray.from_arrays([pa.array(images, pa.binary()), paths], ["bytes", "path"])
    kinds = broken if column == "kind" else pa.array(["dog", "cat"])
    pq.write_table(pa.table({"image": image, "kind": kinds}), tmp_path / "mine.parquet")
    options = {"root": str(tmp_path / "mine.parquet"), "label_column": "kind"}
    with pytest.raises(DataError, match=r"mine.parquet can't be read as a table of images: 'utf-8' codec can't decode"):
        build(datasets["parquet"], options, where="dataset").samples()


VOC, ONE = "VOCdevkit/VOC2012", labelme_file("1.jpg", ("cat", "polygon", [[0, 0], [1, 1]]))
MALFORMED: list[tuple[str, str, str, str, Mapping[str, str]]] = [
    ("voc", f"{VOC}/ImageSets/Main/val.txt", "9", r"Annotations/9.xml can't be read", {}),
    ("voc", f"{VOC}/ImageSets/Main/val.txt", "../1", "has the line '../1'; one image name per line", {}),
    ("voc", f"{VOC}/ImageSets/Main/val.txt", "", "the dataset is empty", {}),
    ("voc", "a", "", "no split in .* called 'vall'; nearest: 'val'", {"split": "vall"}),
    (
        "voc",
        f"{VOC}/Annotations/1.xml",
        trees.voc_xml(("cat", (3, 2, 16, 5), 1), ("dog", (20, 2, 30, 5), 0)),
        "outside its",
        {},
    ),
    ("voc", f"{VOC}/SegmentationClass/1.png", "no image", "the mask .* can't be read", {}),
    ("yolo", "labels/val/1.txt", "1 0.5 0.5 0.5", "line 1: '1 0.5 0.5 0.5' should be 'class x y w h'", {}),
    ("yolo", "labels/val/1.txt", "1 4 3 4 4", "has a value outside 0 to 1; they are shares", {}),
    ("yolo", "labels/val/1.txt", "cat 0 0 1 1", "should be 'class x y w h'", {}),
    ("yolo", "labels/val/1.txt", "7 0.5 0.5 0.5 0.5", "class 7 has no name; 2 classes are named", {}),
    ("yolo", "data.yaml", "names: {1: cat}", "has no 'names' that is a list", {}),
    ("yolo", "data.yaml", "names: [", "is not YAML", {}),
    ("yolo", "data.yaml", "names: [cat, cat]", "the class name 'cat' stands twice", {}),
    ("yolo", "a", "", "no split in .* called 'test'", {"split": "test"}),
    ("labelme", "1.json", ONE, "a polygon of 'cat' has 2 points; expected 3", {}),
    (
        "labelme",
        "1.json",
        labelme_file("1.jpg", ("cat", "rectangle", [[0, 0]])),
        "a rectangle of 'cat' has 1 points",
        {},
    ),
    ("labelme", "2.json", "{}", "is not a file of LabelMe", {}),
    (
        "labelme",
        "2.json",
        labelme_file("9.jpg", ("cat", "circle", [[4, 3], [5, 3]])),
        "images are missing .* '9.jpg'",
        {},
    ),
    ("pets", "annotations/test.txt", "Abyssinian_1 0 1 1", "line 1: 'Abyssinian_1 0 1 1' should be", {}),
    ("pets", "annotations/test.txt", "Abyssinian_1 1\nBengal_2 1", "gives class 1 to 'Abyssinian' and to 'Bengal'", {}),
    ("pets", "annotations/test.txt", "#", "lists no image: the dataset is empty", {}),
    ("pets", "annotations/test.txt", "Abyssinian_9 1", "1 of 1 images are missing", {}),
    ("places", "places365_val.txt", "a.jpg x", "line 1: 'a.jpg x' should be an image and its class index", {}),
    ("places", "places365_val.txt", "a.jpg 2", "should be an image and its class index", {}),
    ("places", "categories_places365.txt", "/a/airfield 1", "line 1 should end in 0, the class index", {}),
    ("parquet", "data/validation-00000-of-00001.parquet", "PAR1", "can't be read as a table of images", {}),
    ("parquet", "a", "", "has no file of test", {"split": "test"}),
    ("parquet", "a", "", "no column in .* called 'picture'", {"image_column": "picture"}),
    ("arrow", "data-00000-of-00001.arrow", "no table", "can't be read as a table of images", {}),
]


@pytest.mark.parametrize(
    ("name", "file", "text", "said", "options"), MALFORMED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_what_is_malformed_is_said_in_a_sentence(
    name: str, file: str, text: str, said: str, options: Mapping[str, str], tmp_path: Path
) -> None:
    key, writer = TREES[name]
    writer(tmp_path / "tree")
    guess = guesses(tmp_path / "tree")[0]
    write(tmp_path / "tree" / file, text)
    data = build(datasets[key], {**guess.options, **options}, where="dataset")
    with pytest.raises(WsolError, match=said):
        [data.mask(sample) for sample in data.samples()]


@pytest.mark.parametrize("name", ["pets", "imagenet_s"])
def test_masks_must_be_of_their_image_s_size_and_show_something(name: str, tmp_path: Path) -> None:
    data = opened(name, tmp_path / "tree")
    file = data.folder / data.entry(data.samples()[0]).mask_file
    indexed(file, np.ones((5, 5)))
    with pytest.raises(DataError, match=r"the mask .* is 5x5 pixels, and its image 8x6"):
        opened(name, tmp_path / "tree").samples()
    indexed(file, levels(0, 0))
    with pytest.raises(DataError, match=r"the mask .* shows no object"):
        opened(name, tmp_path / "tree").samples()


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


def test_links_that_leave_the_tree_are_refused_unless_allowed(tmp_path: Path) -> None:
    data = opened("labelme", tmp_path / "tree")
    (tmp_path / "tree" / "1.jpg").rename(tmp_path / "1.jpg")
    (tmp_path / "tree" / "1.jpg").symlink_to(tmp_path / "1.jpg")
    with pytest.raises(DataError, match=r"dataset\.outside=true allows it"):
        data.samples()
    assert len(opened("labelme", tmp_path / "tree", outside=True).samples()) == 3


def test_json_that_is_of_another_kind_is_not_taken_for_labelme(tmp_path: Path) -> None:
    write(tmp_path / "a.json", json.dumps({"shapes": []}))
    assert guesses(tmp_path) == []
    write(tmp_path / "b.json", "[")
    assert guesses(tmp_path / "b.json") == []

"""What is malformed in a published layout is refused in one sentence that names the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from tests.datasets.opened_trees import opened
from tests.datasets.trees import TREES, indexed, labelme_file, levels, write
from wsol.datasets.base import datasets
from wsol.datasets.recognition import guesses
from wsol.errors import DataError, WsolError
from wsol.options import build

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

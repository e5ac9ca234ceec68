"""The reader of COCO JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from wsol.datasets.base import datasets
from wsol.datasets.formats.coco import Coco
from wsol.errors import ConfigError, DataError


def unchanged(_):
    """The content as it is."""


def square(x, y, side):
    """Polygon of a half-open square."""
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def content():
    """Two classes in a/1.png (8 x 6), one object and a crowd of it in a/2.png (10 x 10), only a crowd in b,c.png."""
    crowd = {"counts": [0, 20, 80], "size": [10, 10]}  # the first two columns
    return {
        "images": [
            {"id": 7, "file_name": "a/2.png", "width": 10, "height": 10},
            {"id": 3, "file_name": "a/1.png", "width": 8, "height": 6},
            {"id": 9, "file_name": "b,c.png", "width": 5, "height": 7},
        ],
        "categories": [{"id": 44, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 3,
                "category_id": 44,
                "bbox": [1, 1, 2, 2],
                "segmentation": square(1, 1, 2),
                "iscrowd": 0,
            },
            {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 3, 3], "segmentation": square(0, 0, 3)},
            {"id": 3, "image_id": 3, "category_id": 44, "bbox": [4.5, 2, 3.6, 4], "segmentation": square(4, 2, 3)},
            {"id": 4, "image_id": 7, "category_id": 2, "bbox": [1, 4, 4, 4], "segmentation": square(1, 4, 4)},
            {"id": 5, "image_id": 7, "category_id": 2, "bbox": [0, 0, 2, 10], "segmentation": crowd, "iscrowd": 1},
            {"id": 6, "image_id": 9, "category_id": 2, "bbox": [0, 0, 2, 5], "segmentation": crowd, "iscrowd": 1},
        ],
    }


@pytest.fixture
def write(tmp_path, images):
    """A `Coco` of the content above after `change(content)`."""

    def make(change=unchanged, **options):
        made = content()
        change(made)
        (tmp_path / "instances.json").write_text(json.dumps(made))
        return Coco(**{"images": str(images), "annotations": str(tmp_path / "instances.json"), **options})

    return make


def test_it_is_registered():
    assert datasets["coco"] is Coco


def test_each_class_of_an_image_is_a_row(write, capsys):
    samples = write().samples()
    assert [(s.image_id, s.label, s.size_wh) for s in samples] == [
        ("a/1.png#cat", 0, (8, 6)),
        ("a/1.png#dog", 1, (8, 6)),
        ("a/2.png", 0, (10, 10)),
    ]
    assert capsys.readouterr().out == ""  # pycocotools prints


def test_boxes_are_half_open_and_crowds_are_none(write):
    boxes = [s.boxes_xyxy.tolist() for s in write().samples()]
    assert boxes == [
        [[0, 0, 3, 3]],
        [[1, 1, 3, 3], [4.5, 2, 8, 6]],  # 8.1 is cut at the border
        [[1, 4, 5, 8]],
    ]


def test_labels_count_from_zero_or_are_the_ids(write):
    assert write().class_names == ("cat", "dog")
    by_id = write(label_map="id")
    assert [s.label for s in by_id.samples()] == [2, 44, 2]
    assert (len(by_id.class_names), by_id.class_names[2], by_id.class_names[44]) == (45, "cat", "dog")


def test_masks_are_of_the_class_and_ignore_its_crowds(write):
    data = write()
    cat, dog, crowded = (data.mask(s) for s in data.samples())
    expected = np.zeros((6, 8), np.uint8)
    expected[0:3, 0:3] = 1
    assert np.array_equal(cat, expected)
    expected = np.zeros((6, 8), np.uint8)
    expected[1:3, 1:3] = 1
    expected[2:5, 4:7] = 1
    assert np.array_equal(dog, expected)
    expected = np.zeros((10, 10), np.uint8)
    expected[:, :2] = 255
    expected[4:8, 1:5] = 1
    assert np.array_equal(crowded, expected)


def test_an_object_without_segmentation_has_no_mask(write):
    data = write(lambda c: c["annotations"][2].pop("segmentation"))
    cat, dog, _ = (data.mask(s) for s in data.samples())
    assert cat is not None
    assert dog is None


def test_images_open_under_both_of_their_rows(write):
    data = write()
    assert [data.image(s).size for s in data.samples()] == [(8, 6), (8, 6), (10, 10)]


def test_boxes_without_area_are_left_out(write, caplog):
    def flatten(c):
        c["annotations"][1]["bbox"] = [1, 1, 0, 3]

    assert [s.image_id for s in write(flatten).samples()] == ["a/1.png", "a/2.png"]
    assert "1 boxes without area are left out" in caplog.text


def test_categories_of_one_name_are_told_apart_by_id(write):
    def same(c):
        c["categories"][0]["name"] = "cat"

    assert [s.image_id for s in write(same).samples()] == ["a/1.png#2", "a/1.png#44", "a/2.png"]


def test_the_limit_counts_rows(write):
    assert [s.image_id for s in write(limit=1).samples()] == ["a/1.png#cat"]
    with pytest.raises(ConfigError, match=r"dataset\.limit=-1"):
        write(limit=-1)


def test_the_fingerprint_changes_with_boxes_masks_labels_and_rows(write):
    def move(c):
        c["annotations"][0]["bbox"][0] = 0

    def reshape(c):
        c["annotations"][0]["segmentation"][0][0] = 0

    prints = [
        write().fingerprint(),
        write(move).fingerprint(),
        write(reshape).fingerprint(),
        write(label_map="id").fingerprint(),
        write(limit=1).fingerprint(),
    ]
    assert len(set(prints)) == 5
    assert write().fingerprint() == prints[0]


def set_in(table, place, **values):
    return lambda c: c[table][place].update(values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("categories"), "is not a COCO annotation file: .* missing required field categories"),
        (lambda c: c["images"][1].pop("width"), r"entry 1 of 'images' \(id .*missing required field width"),
        (lambda c: c["annotations"].clear(), "has no image with a box: the dataset is empty"),
        (set_in("annotations", 0, image_id=5), "annotation 1 in .* has image_id 5, which the file doesn't list"),
        (set_in("annotations", 0, category_id=5), "annotation 1 in .* has category_id 5"),
        (
            set_in("annotations", 0, bbox=[1, 2, 3]),
            r"entry 0 of 'annotations' \(id 1\): Expected array of length 4, got 3",
        ),
        (set_in("annotations", 0, bbox=[3, 3, -2, 1]), r"has the bbox \[3.0, 3.0, -2.0, 1.0\], of negative size"),
        (
            set_in("annotations", 0, bbox=[3, 3, 9, 1]),
            r"box \[3, 3, 12, 4\] of image 'a/1.png#dog' .* outside its 8x6 image",
        ),
        (set_in("annotations", 0, bbox=[-2, 3, 4, 1]), "reaches outside"),
        (
            set_in("images", 1, file_name="a/9.png"),
            "1 of 2 images are missing under dataset.images=.*, first 'a/9.png'",
        ),
        (set_in("images", 1, file_name="a/2.png"), "the file_name 'a/2.png' stands twice"),
    ],
)
def test_annotations_that_do_not_fit_are_refused_in_one_sentence(change, said, write):
    with pytest.raises(DataError, match=said) as caught:
        write(change).samples()
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_json_or_not_there_is_named(write, tmp_path):
    data = write()
    (tmp_path / "instances.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"instances.json is not a JSON file"):
        data.samples()
    with pytest.raises(DataError, match=r"instance.json'; nearest: '.*instances.json'"):
        Coco(images=str(tmp_path), annotations=str(tmp_path / "instance.json")).samples()


def test_an_unusable_segmentation_is_named(write):
    data = write(set_in("annotations", 1, segmentation=[[1, 2]]))
    with pytest.raises(DataError, match=r"annotation 2 in .* has an unusable segmentation"):
        data.mask(data.samples()[0])

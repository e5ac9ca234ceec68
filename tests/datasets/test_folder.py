"""The reader of a folder with a CSV file."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from wsol.datasets.base import datasets
from wsol.datasets.formats.folder import Folder
from wsol.datasets.image_files import open_image
from wsol.errors import DataError
from wsol.options import build

HEADER = "image_id,label,x0,y0,x1,y1"
LINES = ['"b,c.png",1,0,0,5,7', "a/1.png,4,1,1,3.5,3", "a/2.png,0,0,0,1,1", "a/1.png,4,0,0,8,6"]


@pytest.fixture
def write(tmp_path, images):
    """A `Folder` with the given lines."""

    def make(lines=LINES, *, header=HEADER, **options):
        (tmp_path / "boxes.csv").write_text("\n".join([header, *lines]))
        return Folder(**{"images": str(images), "annotations": str(tmp_path / "boxes.csv"), **options})

    return make


def test_lines_of_one_image_are_one_sample(write):
    samples = write().samples()
    assert [(s.image_id, s.label, s.size_wh, s.boxes_xyxy.tolist()) for s in samples] == [
        ("a/1.png", 4, (8, 6), [[1, 1, 3.5, 3], [0, 0, 8, 6]]),
        ("a/2.png", 0, (10, 10), [[0, 0, 1, 1]]),
        ("b,c.png", 1, (5, 7), [[0, 0, 5, 7]]),
    ]


def test_grey_images_of_sixteen_bits_keep_their_greys(tmp_path):
    """Pillow alone makes white of all but the darkest 1/256."""
    values = np.array([[0, 255, 256], [25700, 65535, 32768]], np.uint16)
    PIL.Image.fromarray(values).save(tmp_path / "deep.png")
    found = np.asarray(open_image(tmp_path / "deep.png", image_id="deep").getchannel(0))
    assert found.tolist() == [[0, 0, 1], [100, 255, 128]]


def test_it_is_built_from_plain_options(images, write):
    write()
    made = build(
        datasets["folder"], {"images": str(images), "annotations": str(images.parent / "boxes.csv")}, where="dataset"
    )
    assert len(made.samples()) == 3
    assert made.mask(made.samples()[0]) is None


def test_columns_may_come_in_any_order_with_others_between(write):
    lines = ["1,note,a/1.png,1,2,3,4"]
    (sample,) = write(lines, header="label,remark,image_id,x0,y0,x1,y1").samples()
    assert sample.boxes_xyxy.tolist() == [[1, 2, 3, 4]]


def test_labels_may_be_names(write):
    data = write(["a/1.png,wren,0,0,1,1", "a/2.png,crow,0,0,1,1"])
    assert [s.label for s in data.samples()] == [1, 0]
    assert data.class_names == ("crow", "wren")
    assert write().class_names == ()


def test_an_image_with_several_labels_is_several_rows(write):
    data = write(["a/1.png,4,0,0,1,1", "a/1.png,2,0,0,2,2"])
    assert [(s.image_id, s.label) for s in data.samples()] == [("a/1.png#2", 2), ("a/1.png#4", 4)]
    assert data.image(data.samples()[1]).size == (8, 6)


def test_given_sizes_spare_opening_the_images(write, images):
    (images / "a" / "1.png").write_bytes(b"no image")
    sized = write(["a/1.png,4,0,0,1,1,8,6"], header=f"{HEADER},width,height")
    assert sized.samples()[0].size_wh == (8, 6)
    with pytest.raises(DataError, match=r"image 'a/1.png' can't be read"):
        write(["a/1.png,4,0,0,1,1"]).samples()


def test_the_limit_and_the_content_decide_the_fingerprint(write):
    whole = write().fingerprint()
    assert write(list(reversed(LINES[:3])) + LINES[3:]).fingerprint() == whole  # the order of images does not
    assert len({whole, write(limit=2).fingerprint(), write(LINES[:3]).fingerprint()}) == 3


@pytest.mark.parametrize(
    ("lines", "header", "said"),
    [
        ([], HEADER, "has no line below its header: the dataset is empty"),
        (LINES, HEADER.replace("label", "labels"), "there is no column in .* called 'label'; nearest: 'labels'"),
        ([*LINES, "", "a/1.png,4,0,0,one,1"], HEADER, "line 7: .* doesn't fit image_id,label,x0,y0,x1,y1"),
        ([*LINES, "a/1.png,4,0,0"], HEADER, "line 6: 'a/1.png,4,0,0' has 4 fields, the header 6"),
        ([*LINES, "a/1.png,,0,0,1,1"], HEADER, "line 6 has no label"),
        ([*LINES, "a/1.png,cat,0,0,1,1"], HEADER, "mixes numbers and names as labels, for example 'cat'"),
        (["a/1.png,-4,0,0,1,1"], HEADER, "'a/1.png' has label -4"),
        (["a/1.png,4,2,0,1,1"], HEADER, "is inverted"),
        (["a/1.png,4,0,0,1,6.5"], HEADER, "reaches outside its 8x6 image"),
        (["a/9.png,4,0,0,1,1"], HEADER, "1 of 1 images are missing under dataset.images=.*, first 'a/9.png'"),
        (["a/1.png,4,0,0,1,1,8,6", "a/1.png,4,0,0,1,1,8,7"], f"{HEADER},width,height", "has two sizes in"),
    ],
)
def test_annotations_that_do_not_fit_are_refused_in_one_sentence(lines, header, said, write):
    with pytest.raises(DataError, match=said) as caught:
        write(lines, header=header).samples()
    assert "\n" not in str(caught.value)


def test_other_pixels_are_another_data_set(write, images):
    """Else rows of the old pixels would be taken for those of the new."""
    before = write().fingerprint()
    assert write().fingerprint() == before
    with (images / "a" / "1.png").open("ab") as file:
        file.write(b"more")
    assert write().fingerprint() != before


def test_lines_without_a_box_are_counted(write):
    with pytest.raises(DataError, match=r"1 of 5 lines of .* have no box, first 6"):
        write([*LINES, "a/2.png,0,,,,"]).samples()


def test_a_folder_of_lists_is_another_reader(images):
    with pytest.raises(DataError, match=r"use dataset=wsolevaluation dataset\.metadata="):
        Folder(images=str(images), annotations=str(images)).samples()


def test_a_giant_column_name_leaves_the_sentence_short(write):
    with pytest.raises(DataError, match=r"there is no column in .* called 'image_id'; there are ") as caught:
        write(["1,2"], header=f"{'f' * 9000},{'g' * 9000}").samples()
    assert len(str(caught.value)) < 500

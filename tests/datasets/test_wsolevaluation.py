"""The reader of the wsolevaluation layout."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.datasets.conftest import paint, rectangle
from wsol.datasets.base import datasets
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.errors import ConfigError, DataError
from wsol.views import mask_on_canvas, view_named

IDS = "b,c.png\na/2.png\na/1.png"
LABELS = "b,c.png,3\na/2.png,0\na/1.png,7"
SIZES = "b,c.png,5,7\na/2.png,10,10\na/1.png,8,6"
BOXES = "a/2.png,5,5,10,10\nb,c.png,0,0,4,6\na/2.png,1,2,3,4\na/1.png,1,1,1,1"


@pytest.fixture
def write(tmp_path, images):
    """A `WsolEvaluation` of three images, any of its four files replaced."""

    def make(*, ids=IDS, labels=LABELS, sizes=SIZES, boxes=BOXES, **options):
        folder = tmp_path / "metadata"
        folder.mkdir(exist_ok=True)
        contents = {"image_ids": ids, "class_labels": labels, "image_sizes": sizes, "localization": boxes}
        for name, text in contents.items():
            if text is not None:
                (folder / f"{name}.txt").write_text(text)
        return WsolEvaluation(**{"images": str(images), "metadata": str(folder), **options})

    return make


def test_it_is_registered():
    assert datasets["wsolevaluation"] is WsolEvaluation


def test_it_is_called_what_the_layout_holds(write):
    assert write().key == "wsolevaluation"
    assert write(called="cub").key == "cub"
    assert WsolEvaluation.key == "wsolevaluation"
    with pytest.raises(ConfigError, match=r"dataset\.called='a/b' can't name a run"):
        write(called="a/b")


def test_samples_are_sorted_and_keep_the_numbers_of_the_file(write):
    samples = write().samples()
    assert [(s.image_id, s.label, s.size_wh) for s in samples] == [
        ("a/1.png", 7, (8, 6)),
        ("a/2.png", 0, (10, 10)),
        ("b,c.png", 3, (5, 7)),
    ]
    assert [s.boxes_xyxy.tolist() for s in samples] == [
        [[1, 1, 1, 1]],
        [[5, 5, 10, 10], [1, 2, 3, 4]],  # in the file's order
        [[0, 0, 4, 6]],
    ]
    assert samples[0].boxes_xyxy.dtype == np.float64


def test_images_are_rgb_of_the_annotated_size(write):
    data = write()
    opened = [data.image(sample) for sample in data.samples()]
    assert [(i.mode, i.size) for i in opened] == [("RGB", (8, 6)), ("RGB", (10, 10)), ("RGB", (5, 7))]


def test_line_ends_blank_lines_and_lines_of_other_images_change_nothing(write):
    plain = write()
    samples, print_ = plain.samples(), plain.fingerprint()
    other = write(ids=IDS.replace("\n", "\r\n") + "\r\n", labels=LABELS + "\n\n", boxes=BOXES + "\nelse.png,0,0,1,1")
    assert [s.image_id for s in other.samples()] == [s.image_id for s in samples]
    assert other.fingerprint() == print_


def test_the_limit_takes_the_first_ids(write):
    assert [s.image_id for s in write(limit=2).samples()] == ["a/1.png", "a/2.png"]
    with pytest.raises(ConfigError, match=r"dataset\.limit=0"):
        write(limit=0)


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": LABELS.replace(",7", ",8")},
        {"boxes": BOXES.replace("1,2,3,4", "1,2,3,5")},
        {"limit": 2},
        {"ids": "a/1.png"},
    ],
)
def test_the_fingerprint_changes_with_what_decides_rows(changed, write):
    assert write(**changed).fingerprint() != write().fingerprint()


def test_the_fingerprint_does_not_depend_on_paths(write, tmp_path):
    before = write().fingerprint()
    (tmp_path / "metadata").rename(tmp_path / "moved")
    (tmp_path / "images").rename(tmp_path / "pictures")
    assert WsolEvaluation(images=str(tmp_path / "pictures"), metadata=str(tmp_path / "moved")).fingerprint() == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ids": ""}, "lists no image: the dataset is empty"),
        ({"ids": IDS + "\na/1.png"}, "the image id 'a/1.png' stands twice in .*image_ids.txt; each must be unique"),
        ({"labels": "a/1.png,7"}, "2 images have no label in .*class_labels.txt, first 'a/2.png'"),
        ({"sizes": "a/1.png,8,6"}, "2 images have no size in .*image_sizes.txt, first 'a/2.png'"),
        ({"boxes": "a/1.png,1,1,2,2"}, "2 images have no box in .*localization.txt, first 'a/2.png'"),
        ({"boxes": ""}, "localization.txt is empty"),
        ({"labels": LABELS.replace(",7", ",cat")}, "line 3: 'a/1.png,cat' should be image,whole number"),
        ({"labels": LABELS.replace(",7", ",-7")}, "'a/1.png' has label -7"),
        ({"sizes": SIZES.replace("8,6", "8,0")}, r"'a/1.png' has size \(8, 0\)"),
        ({"boxes": BOXES.replace("1,1,1,1", "1,1,x,1")}, "line 4: 'a/1.png,1,1,x,1' should be image,number"),
        ({"boxes": BOXES.replace("1,1,1,1", "1,1,nan,1")}, "a coordinate that is not a number"),
        ({"boxes": BOXES.replace("1,1,1,1", "3,1,2,4")}, r"box \[3, 1, 2, 4\] of image 'a/1.png' .* is inverted"),
        ({"boxes": BOXES.replace("1,1,1,1", "1,1,9,4")}, "'a/1.png' .* reaches outside its 8x6 image"),
        ({"boxes": BOXES.replace("1,1,1,1", "-1,1,2,4")}, r"box \[-1, 1, 2, 4\] .* reaches outside"),
        ({"metadata": "nowhere/metadata"}, "there is no folder for dataset.metadata: 'nowhere/metadata'"),
    ],
)
def test_annotations_that_do_not_fit_are_refused_in_one_sentence(changed, said, write):
    with pytest.raises(DataError, match=said) as caught:
        write(**changed).samples()
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_get_the_nearest_name(write, tmp_path):
    data = write()
    (tmp_path / "metadata" / "localization.txt").rename(tmp_path / "metadata" / "localisation.txt")
    with pytest.raises(DataError, match=r"localization.txt'; nearest: '.*localisation.txt'"):
        data.samples()
    with pytest.raises(DataError, match=r"there is no folder for dataset.images: .*; nearest: '.*images'"):
        write(images=str(tmp_path / "imagse")).samples()
    with pytest.raises(DataError, match="is a file, not a folder"):
        write(images=str(tmp_path / "metadata" / "image_ids.txt")).samples()


def test_missing_images_are_counted_and_the_first_is_named(write, images):
    (images / "a" / "2.png").unlink()
    (images / "b,c.png").unlink()
    with pytest.raises(DataError, match=r"2 of 3 images are missing under dataset.images=.*, first 'a/2.png'"):
        write().samples()


def test_a_folder_one_level_too_deep_or_too_high_is_recognised(write, images):
    with pytest.raises(DataError, match=f"did you mean dataset.images={images.parent}?"):
        write(
            ids=IDS.replace("a/", "images/a/").replace("b,", "images/b,"),
            labels="images/" + LABELS.replace("\n", "\nimages/"),
        ).samples()
    with pytest.raises(DataError, match=f"did you mean dataset.images={images}?"):
        write(images=str(images.parent)).samples()


def test_a_corrupt_image_is_named_when_it_is_opened(write, images):
    whole = (images / "a" / "1.png").read_bytes()
    (images / "a" / "1.png").write_bytes(whole[: len(whole) // 2])
    data = write()
    with pytest.raises(DataError, match=r"image 'a/1.png' can't be read"):
        data.image(data.samples()[0])


def test_an_image_of_another_size_than_annotated_is_refused(write, images):
    paint(images / "a" / "1.png", (8, 7))
    data = write()
    with pytest.raises(DataError, match=r"image 'a/1.png' is 8x7 pixels, but its annotation is for 8x6"):
        data.image(data.samples()[0])


def test_an_image_that_went_away_is_missing(write, images):
    data = write()
    sample = data.samples()[0]
    (images / "a" / "1.png").unlink()
    with pytest.raises(DataError, match=r"image 'a/1.png' is missing"):
        data.image(sample)


def test_training_splits_need_labels_only(write):
    samples = write(boxes="", sizes="", labels_only=True).samples()
    assert [(s.size_wh, len(s.boxes_xyxy)) for s in samples] == [((8, 6), 0), ((10, 10), 0), ((5, 7), 0)]


# Masks, as in OpenImages


@pytest.fixture
def masked(write, tmp_path):
    """Image a/1.png with two masks and an ignore mask, a/2.png with one mask of twice its size."""
    folder = tmp_path / "masks"
    rectangle(folder / "1_m0.png", (8, 6), (0, 0, 2, 2))
    rectangle(folder / "1_m1.png", (8, 6), (5, 3, 8, 6), value=1)
    rectangle(folder / "1_ignore.png", (8, 6), (1, 1, 4, 4))
    rectangle(folder / "2_m0.png", (20, 20), (4, 6, 10, 12))

    def make(**options):
        lines = "a/1.png,1_m0.png,1_ignore.png\na/1.png,1_m1.png,\na/2.png,2_m0.png,"
        options = {"masks": str(folder), **options}
        return write(ids="a/1.png\na/2.png", sizes="", boxes=lines, **options)

    return make


def test_masks_are_united_and_ignored_only_outside_objects(masked):
    data = masked()
    first, second = data.samples()
    expected = np.zeros((6, 8), np.uint8)
    expected[1:4, 1:4] = 255
    expected[0:2, 0:2] = 1
    expected[3:6, 5:8] = 1
    assert np.array_equal(data.mask(first), expected)
    assert data.mask(first).dtype == np.uint8
    own = np.zeros((20, 20), np.uint8)
    own[6:12, 4:10] = 1
    assert np.array_equal(data.mask(second), own)


def test_a_mask_is_resized_once_whatever_the_size_of_its_image(masked):
    """The published loader takes the file to the map's size, without a detour over the image's."""
    data = masked()
    _, second = data.samples()
    view = view_named("squash", 9)
    expected = cv2.resize(data.mask(second), (9, 9), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(mask_on_canvas(data.mask(second), view.layout(second.size_wh)), expected)
    cropped = view_named("centre", 8).layout(second.size_wh)  # the image is resized to 9, and 8 of it are kept
    assert mask_on_canvas(data.mask(second), cropped).shape == (8, 8)


def test_masks_of_several_sizes_are_united_at_the_images(masked, tmp_path):
    rectangle(tmp_path / "masks" / "1_m1.png", (16, 12), (10, 6, 16, 12))
    first, _ = masked().samples()
    found = masked().mask(first)
    assert found.shape == (6, 8)
    assert found[3:6, 5:8].all()


def test_sizes_come_from_the_headers_where_the_list_is_empty(masked):
    samples = masked().samples()
    assert [s.size_wh for s in samples] == [(8, 6), (10, 10)]
    assert all(s.boxes_xyxy.shape == (0, 4) for s in samples)


def test_without_a_folder_of_masks_there_are_none(masked):
    data = masked(masks=None)
    assert data.mask(data.samples()[0]) is None


def test_missing_masks_are_counted(masked, tmp_path):
    (tmp_path / "masks" / "1_ignore.png").unlink()
    with pytest.raises(DataError, match=r"1 of 4 masks are missing under dataset.masks=.*, first '1_ignore.png'"):
        masked().samples()


def test_other_masks_give_another_fingerprint(masked, write):
    before = masked().fingerprint()
    lines = "a/1.png,1_m0.png,1_ignore.png\na/2.png,2_m0.png,"
    assert write(ids="a/1.png\na/2.png", sizes="", boxes=lines).fingerprint() != before


def test_a_broken_line_of_masks_is_named(write):
    with pytest.raises(DataError, match=r"line 2: 'a/2.png' should be image,mask,ignore"):
        write(boxes="a/1.png,m.png,\na/2.png").samples()

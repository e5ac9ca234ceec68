"""CUB-200-2011, as published and with the lists of wsolevaluation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from tests.datasets.trees import BOX, write
from wsol.datasets.formats.cub import Cub
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.errors import ConfigError, DataError

FIRST, _, THIRD = trees.CUB


@pytest.fixture
def root(tmp_path: Path) -> Path:
    trees.cub(tmp_path)
    return tmp_path / "CUB_200_2011"


def published(root: Path, **options: object) -> Cub:
    return Cub(**{"images": root / "images", "metadata": root, **options})


def test_the_published_files_give_corners_and_classes_from_zero(root: Path) -> None:
    data = published(root)
    assert [(s.image_id, s.label, s.size_wh, s.boxes_xyxy.tolist()) for s in data.samples()] == [
        (FIRST, 0, (8, 6), [[2, 1, 6, 5]]),
        (THIRD, 1, (8, 6), [[1, 1, 4.5, 3]]),
    ]
    assert data.class_names == ("001.Black_footed_Albatross", "002.Laysan_Albatross")
    assert [s.image_id for s in published(root, split="train").samples()] == [trees.CUB[1]]
    assert [s.image_id for s in published(root, limit=1).samples()] == [FIRST]
    assert data.image(data.samples()[1]).mode == "RGB"


def test_boxes_end_before_the_last_pixel_as_in_the_lists(root: Path) -> None:
    write(root / "bounding_boxes.txt", "1 2 1 6 5\n2 0 0 8 6\n3 0 0 8 6")
    assert [s.boxes_xyxy.tolist() for s in published(root).samples()] == [[[2, 1, 7, 5]], [[0, 0, 7, 5]]]


def test_segmentations_are_masks_where_most_of_the_annotators_agree(root: Path) -> None:
    folder = root.parent / "segmentations"
    grey = np.zeros((6, 8), np.uint8)
    grey[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 153
    grey[0, 0] = 102
    import PIL.Image

    PIL.Image.fromarray(grey).save((folder / FIRST).with_suffix(".png"))
    data = published(root, masks=folder)
    mask = data.mask(data.samples()[0])
    assert np.array_equal(mask, (grey == 153).astype(np.uint8))
    assert published(root).mask(data.samples()[0]) is None
    assert data.fingerprint() != published(root).fingerprint()
    assert data.stamp(data.samples()[0]) != published(root).stamp(data.samples()[0])


def test_lists_and_published_files_are_one_data_set(root: Path, tmp_path: Path) -> None:
    """Rows of one are those of the other."""
    lists = tmp_path / "metadata" / "CUB" / "test"
    write(lists / "image_ids.txt", f"{FIRST}\n{THIRD}")
    write(lists / "class_labels.txt", f"{FIRST},0\n{THIRD},1")
    write(lists / "image_sizes.txt", f"{FIRST},8,6\n{THIRD},8,6")
    write(lists / "localization.txt", f"{FIRST},2,1,6,5\n{THIRD},1,1,4.5,3")
    of_lists, official = Cub(images=root / "images", metadata=lists), published(root)
    assert of_lists.fingerprint() == official.fingerprint()
    plain = WsolEvaluation(images=root / "images", metadata=lists)
    assert [*map(of_lists.stamp, of_lists.samples())] == [*map(plain.stamp, plain.samples())]
    assert of_lists.fingerprint() == plain.fingerprint()
    assert (of_lists.key, of_lists.class_names) == ("cub", ())
    masked = Cub(images=root / "images", metadata=lists, masks=root.parent / "segmentations")
    assert masked.mask(masked.samples()[0]) is not None


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("bounding_boxes.txt", "1 2.0 1.0 4.0 4.0", "1 images have no box in .*bounding_boxes.txt, first '3'"),
        ("bounding_boxes.txt", "1 2.0 1.0 4.0", "line 1: '1 2.0 1.0 4.0' should be an image's number and 4 more"),
        ("bounding_boxes.txt", "1 2 1 4 4\n1 2 1 4 4", "line 2: '1 2 1 4 4' stands twice"),
        (
            "bounding_boxes.txt",
            "1 -2 1 4 4\n3 1 1 2 2",
            r"box \[-2, 1, 2, 5\] of image .* reaches outside its 8x6 image",
        ),
        ("image_class_labels.txt", "1 0\n3 1", "has label -1"),
        ("image_class_labels.txt", "1 one\n3 1", "line 1: '1 one' should be"),
        ("train_test_split.txt", "1 1\n2 1\n3 1", "has no image of the split test: the dataset is empty"),
        ("train_test_split.txt", "1 0", "2 images have no split in"),
        ("images.txt", f"1 {FIRST}\n2 {FIRST}", "stands twice in .*images.txt"),
        ("images.txt", f"1 {FIRST}\n2 ../x.jpg\n3 ../y.jpg", "leads out of the folder"),
        ("images.txt", f"1 {FIRST}\n2 b.jpg\n3 c.jpg", "1 of 2 images are missing"),
    ],
)
def test_what_is_malformed_is_said_in_a_sentence(file: str, text: str, said: str, root: Path) -> None:
    write(root / file, text)
    with pytest.raises(DataError, match=said):
        published(root).samples()


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(ConfigError, match="expected train or test"):
        published(root, split="dev")
    with pytest.raises(ConfigError, match="as published has no split 'val'"):
        published(root, split="val").samples()
    with pytest.raises(DataError, match=r"dataset\.images=null: the published files of CUB have no sizes"):
        published(root, images=None).samples()
    with pytest.raises(DataError, match=r"2 of 2 masks are missing under dataset\.masks"):
        published(root, masks=root).samples()
    (root / "bounding_boxes.txt").unlink()
    with pytest.raises(DataError, match="bounding_boxes"):
        published(root).samples()


def test_published_files_of_real_images_give_the_boxes_of_the_lists(shared: Path, tmp_path: Path) -> None:
    """Written from the boxes of 282 real images, in the published form: 1-based ids, x y width height as floats."""
    source = shared / "data" / "cub_open"
    with (source / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    tables: dict[str, list[str]] = {
        name: [] for name in ("images", "bounding_boxes", "image_class_labels", "train_test_split")
    }
    for number, row in enumerate(rows, start=1):
        x0, y0, x1, y1 = (float(row[c]) for c in ("x0", "y0", "x1", "y1"))
        tables["images"].append(f"{number} {row['file']}")
        tables["bounding_boxes"].append(f"{number} {x0} {y0} {x1 - x0} {y1 - y0}")
        tables["image_class_labels"].append(f"{number} {int(row['class_index']) + 1}")
        tables["train_test_split"].append(f"{number} {int(row['split'] == 'train')}")
    for name, lines in tables.items():
        write(tmp_path / f"{name}.txt", "\n".join(lines))
    for split in ("train", "test"):
        lists = shared / "data" / "wsolevaluation_metadata" / "CUB" / split
        listed = {s.image_id: s for s in Cub(images=None, metadata=lists).samples()}
        samples = Cub(images=source / "images", metadata=tmp_path, split=split).samples()
        assert len(samples) == sum(row["split"] == split for row in rows) > 100
        for sample in samples:
            other = listed[sample.image_id]
            assert (sample.label, sample.size_wh) == (other.label, other.size_wh)
            assert np.array_equal(sample.boxes_xyxy, other.boxes_xyxy)

"""Archives arranged as each source arranges them end in the folders that readers know."""

from __future__ import annotations

from pathlib import Path

import pytest

import wsol.datasets.prepare
from tests.datasets.prepare.archives import drawn, tar, tree, write, zipped
from tests.datasets.prepare.conftest import Prepare
from wsol.datasets.prepare import preparations
from wsol.datasets.prepare._summary import checksum_notes
from wsol.datasets.recognition import guesses

XML, TEXT = b"<annotation/>", b"1 2 3\n"
COCO = b'{"images": [{"id": 1, "file_name": "000000000139.jpg"}], "annotations": [], "categories": []}'
VAL = "ILSVRC2012_val_00000001"
DEVKIT = "ILSVRC2012_devkit_t12/data"

LAYOUTS: dict[str, tuple[str, dict[str, bytes], dict[str, bytes], list[str]]] = {
    # case: (key, archives, what is placed, the parts of which something is missing)
    "imagenet, official": (
        "imagenet",
        {
            "ILSVRC2012_img_val.tar": tar({f"{VAL}.JPEG": drawn(1)}),
            "ILSVRC2012_bbox_val_v3.tgz": tar({f"val/{VAL}.xml": XML}, "w:gz"),
            "ILSVRC2012_devkit_t12.tar.gz": tar(
                {f"{DEVKIT}/ILSVRC2012_validation_ground_truth.txt": TEXT, f"{DEVKIT}/meta.mat": TEXT}, "w:gz"
            ),
            "ILSVRC2014_devkit.tgz": tar(
                {"ILSVRC2014_devkit/data/ILSVRC2014_clsloc_validation_blacklist.txt": TEXT}, "w:gz"
            ),
            "ILSVRC2012_img_train.tar": b"138 GB that are never read",
        },
        {
            f"val/{VAL}.JPEG": drawn(1),
            f"bbox/val/{VAL}.xml": XML,
            f"{DEVKIT}/ILSVRC2012_validation_ground_truth.txt": TEXT,
            f"{DEVKIT}/meta.mat": TEXT,
            "ILSVRC2014_devkit/data/ILSVRC2014_clsloc_validation_blacklist.txt": TEXT,
        },
        ["images", "boxes"],
    ),
    "imagenet, images alone": (
        "imagenet",
        {"val.tar": tar({f"{VAL}.JPEG": drawn(1)})},
        {f"val/{VAL}.JPEG": drawn(1)},
        ["images", "boxes", "devkit files"],
    ),
    "imagenet, by class": (
        "imagenet",
        {"val.tar": tar({"n01440764.tar": tar({f"{VAL}.JPEG": drawn(1)})})},
        {f"val/n01440764/{VAL}.JPEG": drawn(1)},
        ["images by class", "boxes"],
    ),
    "imagenet, class behind the name": (
        "imagenet",
        {"val_images.tar.gz": tar({f"{VAL}_n01751748.JPEG": drawn(1)}, "w:gz")},
        {f"val/{VAL}_n01751748.JPEG": drawn(1)},
        ["images by class", "boxes"],
    ),
    "imagenet, Kaggle": (
        "imagenet",
        {
            "imagenet-object-localization-challenge.zip": zipped(
                {
                    "imagenet_object_localization.tar.gz": tar(
                        {
                            f"ILSVRC/Data/CLS-LOC/val/{VAL}.JPEG": drawn(1),
                            "ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_1.JPEG": drawn(2),
                            f"ILSVRC/Annotations/CLS-LOC/val/{VAL}.xml": XML,
                        },
                        "w:gz",
                    ),
                    "LOC_synset_mapping.txt": TEXT,
                    "LOC_val_solution.csv": TEXT,
                    "LOC_sample_submission.csv": TEXT,
                }
            )
        },
        {
            f"ILSVRC/Data/CLS-LOC/val/{VAL}.JPEG": drawn(1),
            f"ILSVRC/Annotations/CLS-LOC/val/{VAL}.xml": XML,
            "LOC_synset_mapping.txt": TEXT,
            "LOC_val_solution.csv": TEXT,
        },
        ["Kaggle images", "Kaggle boxes"],
    ),
    "imagenet, with wsolevaluation's lists": (
        "imagenet",
        {
            "val.tar": tar({f"{VAL}.JPEG": drawn(1)}),
            "wsolevaluation-master.zip": zipped(
                {
                    "wsolevaluation-master/metadata/ILSVRC/test/image_ids.txt": TEXT,
                    "wsolevaluation-master/metadata/CUB/test/image_ids.txt": TEXT,
                }
            ),
        },
        {f"val/{VAL}.JPEG": drawn(1), "metadata/ILSVRC/test/image_ids.txt": TEXT},
        ["images"],
    ),
    "imagenetv2": (
        "imagenetv2",
        {
            "imagenetv2-threshold0.7.tar.gz": tar({"imagenetv2-threshold0.7-format-val/7/0a1b.jpeg": drawn(1)}, "w:gz"),
            "wsolevaluation-master.zip": zipped(
                {
                    "wsolevaluation-master/metadata/ILSVRC/val/localization.txt": TEXT,
                    "wsolevaluation-master/metadata/ILSVRC/test/localization.txt": TEXT,
                }
            ),
        },
        {"imagenetv2-threshold0.7-format-val/7/0a1b.jpeg": drawn(1), "metadata/ILSVRC/val/localization.txt": TEXT},
        ["threshold0.7 images"],
    ),
    "cub": (
        "cub",
        {
            "CUB_200_2011.tgz": tar(
                {
                    "CUB_200_2011/images/001.Albatross/Albatross_0001.jpg": drawn(1),
                    **{
                        f"CUB_200_2011/{name}.txt": TEXT
                        for name in ("images", "bounding_boxes", "image_class_labels", "train_test_split", "classes")
                    },
                    "CUB_200_2011/attributes/image_attribute_labels.txt": TEXT,
                    "attributes.txt": TEXT,
                },
                "w:gz",
            ),
            "segmentations.tgz": tar({"segmentations/001.Albatross/Albatross_0001.png": drawn(1, "PNG")}, "w:gz"),
        },
        {
            "CUB_200_2011/images/001.Albatross/Albatross_0001.jpg": drawn(1),
            "CUB_200_2011/images.txt": TEXT,
            "CUB_200_2011/bounding_boxes.txt": TEXT,
            "CUB_200_2011/image_class_labels.txt": TEXT,
            "CUB_200_2011/train_test_split.txt": TEXT,
            "CUB_200_2011/classes.txt": TEXT,
            "segmentations/001.Albatross/Albatross_0001.png": drawn(1, "PNG"),
        },
        ["images"],
    ),
    "voc, 2007 test": (
        "voc",
        {
            "VOCtest_06-Nov-2007.tar": tar(
                {
                    "VOCdevkit/VOC2007/JPEGImages/000001.jpg": drawn(1),
                    "VOCdevkit/VOC2007/Annotations/000001.xml": XML,
                    "VOCdevkit/VOC2007/ImageSets/Main/test.txt": TEXT,
                    "VOCdevkit/VOC2007/ImageSets/Layout/test.txt": TEXT,
                    "VOCdevkit/VOC2007/SegmentationObject/000001.png": drawn(1, "PNG"),
                }
            )
        },
        {
            "VOCdevkit/VOC2007/JPEGImages/000001.jpg": drawn(1),
            "VOCdevkit/VOC2007/Annotations/000001.xml": XML,
            "VOCdevkit/VOC2007/ImageSets/Main/test.txt": TEXT,
            "VOCdevkit/VOC2007/SegmentationObject/000001.png": drawn(1, "PNG"),
        },
        [],
    ),
    "voc, without boxes": (
        "voc",
        {"VOC2012.zip": zipped({"VOC2012/JPEGImages/2007_000027.jpg": drawn(1)})},
        {"VOCdevkit/VOC2012/JPEGImages/2007_000027.jpg": drawn(1)},
        ["boxes of 2012", "lists of 2012"],
    ),
    "pets": (
        "pets",
        {
            "images.tar.gz": tar({"images/Abyssinian_1.jpg": drawn(1), "images/Abyssinian_100.mat": TEXT}, "w:gz"),
            "annotations.tar.gz": tar(
                {
                    "annotations/list.txt": TEXT,
                    "annotations/test.txt": TEXT,
                    "annotations/trainval.txt": TEXT,
                    "annotations/trimaps/Abyssinian_1.png": drawn(1, "PNG"),
                    "annotations/trimaps/._Abyssinian_1.png": TEXT,
                    "annotations/xmls/Abyssinian_1.xml": XML,
                },
                "w:gz",
            ),
        },
        {
            "images/Abyssinian_1.jpg": drawn(1),
            "annotations/list.txt": TEXT,
            "annotations/test.txt": TEXT,
            "annotations/trainval.txt": TEXT,
            "annotations/trimaps/Abyssinian_1.png": drawn(1, "PNG"),
            "annotations/xmls/Abyssinian_1.xml": XML,
        },
        [],
    ),
    "openimages30k": (
        "openimages30k",
        {
            "OpenImages_images.zip": zipped(
                {"test/01226z/7af7.jpg": drawn(1), "train/01226z/1.jpg": drawn(2), "val/01226z/1.jpg": drawn(3)}
            ),
            "OpenImages_annotations.zip": zipped(
                {
                    "test/01226z/7af7_m01226z_6554.png": drawn(1, "PNG"),
                    "test/01226z/7af7_ignore.png": drawn(2, "PNG"),
                }
            ),
            "wsolevaluation-master.zip": zipped(
                {"wsolevaluation-master/metadata/OpenImages/test/image_ids.txt": b"test/01226z/7af7.jpg\n"}
            ),
        },
        {
            "test/01226z/7af7.jpg": drawn(1),
            "train/01226z/1.jpg": drawn(2),
            "val/01226z/1.jpg": drawn(3),
            "test/01226z/7af7_m01226z_6554.png": drawn(1, "PNG"),
            "test/01226z/7af7_ignore.png": drawn(2, "PNG"),
            "metadata/OpenImages/test/image_ids.txt": b"test/01226z/7af7.jpg\n",
        },
        ["test images", "test masks", "val images", "val masks", "train images"],
    ),
    "inatloc500": (
        "inatloc500",
        {
            "images.tar.gz": tar(
                {
                    "test/Aves/Abeillia/1.jpg": drawn(1),
                    "val/Aves/Abeillia/2.jpg": drawn(2),
                    "train/00001_Abeillia/3.jpg": drawn(3),
                },
                "w:gz",
            ),
            "metadata.tar.gz": tar(
                {
                    **{f"metadata/test/{name}.txt": TEXT for name in ("class_labels", "image_sizes", "localization")},
                    "metadata/test/image_ids.txt": b"test/Aves/Abeillia/1.jpg\n",
                    "metadata/test/class_labels_genus.txt": TEXT,
                    "metadata/class_names.txt": TEXT,
                },
                "w:gz",
            ),
        },
        {
            "test/Aves/Abeillia/1.jpg": drawn(1),
            "val/Aves/Abeillia/2.jpg": drawn(2),
            "metadata/test/class_labels.txt": TEXT,
            "metadata/test/image_ids.txt": b"test/Aves/Abeillia/1.jpg\n",
            "metadata/test/image_sizes.txt": TEXT,
            "metadata/test/localization.txt": TEXT,
            "metadata/class_names.txt": TEXT,
        },
        ["test images", "val images"],
    ),
    "coco": (
        "coco",
        {
            "val2017.zip": zipped({"val2017/000000000139.jpg": drawn(1)}),
            "annotations_trainval2017.zip": zipped(
                {"annotations/instances_val2017.json": COCO, "annotations/captions_val2017.json": TEXT}
            ),
        },
        {"val2017/000000000139.jpg": drawn(1), "annotations/instances_val2017.json": COCO},
        ["val2017 images"],
    ),
    "coco, without annotations": (
        "coco",
        {"val2014.zip": zipped({"val2014/COCO_val2014_000000000042.jpg": drawn(1)})},
        {"val2014/COCO_val2014_000000000042.jpg": drawn(1)},
        ["val2014 images", "val2014 annotations"],
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_the_archives_of_a_source_end_in_the_folders_of_its_reader(case: str, tmp_path: Path, prepare: Prepare) -> None:
    key, archives, placed, missing = LAYOUTS[case]
    parts = prepare(write(tmp_path / "src", archives), preparations[key])
    assert tree(tmp_path / "dst") == placed
    assert sum(part.files for part in parts) == sum(part.written for part in parts) == len(placed)
    assert [part.part for part in parts if part.missing] == missing
    again = prepare(tmp_path / "dst", preparations[key])  # what was unpacked is in its place
    assert [(part.files, part.written) for part in again] == [(part.files, 0) for part in parts]


NOT_READABLE = {"coco, without annotations", "voc, without boxes"}
READERS = {"openimages30k": "wsolevaluation"}  # else the dataset's own


@pytest.mark.parametrize("case", [case for case in LAYOUTS if case not in NOT_READABLE])
def test_what_is_prepared_is_known_to_its_reader(case: str, tmp_path: Path) -> None:
    key, _, placed, _ = LAYOUTS[case]
    (guess,) = guesses(write(tmp_path / key, placed))
    assert guess.key == READERS.get(key, key)
    assert guess.options.get("images", "") is not None


def test_every_dataset_has_a_layout_here() -> None:
    files = Path(wsol.datasets.prepare.__file__).parent.glob("[a-z]*.py")
    assert {key for key, *_ in LAYOUTS.values()} == {file.stem for file in files}


@pytest.mark.parametrize("key", sorted(preparations))
def test_counts_and_checksums_have_an_origin(key: str) -> None:
    preparation = preparations[key]
    assert preparation.origin or not any(part.certain and part.counts for part in preparation.parts)
    assert bool(preparation.md5) == bool(preparation.md5_origin)
    assert {name for part in preparation.parts if part.archives for name in part.archives.split(" and ")} >= {
        *preparation.md5
    }
    names = [part.name for part in preparation.parts]
    assert len(set(names)) == len(names)
    related = {other for part in preparation.parts for other in (part.belongs_to, *part.instead) if other}
    assert related <= set(names)


def test_a_stated_checksum_is_compared(tmp_path: Path) -> None:
    from dataclasses import replace
    from hashlib import md5

    from tests.datasets.prepare.conftest import DRAWN, FILES
    from wsol.datasets.prepare._plan import plan

    source = write(tmp_path, {"drawn.tar": tar(FILES)}) / "drawn.tar"
    digest = md5(source.read_bytes()).hexdigest()
    stated = replace(DRAWN, md5={"drawn.tar": digest, "other.tar": "0"}, md5_origin="its author")
    assert checksum_notes(plan(stated, source, tmp_path / "dst")) == [f"drawn.tar: MD5 {digest}, as its author states."]
    source.write_bytes(tar({**FILES, "more": b""}))
    (note,) = checksum_notes(plan(stated, source, tmp_path / "dst"))
    assert f", but its author states {digest}: another edition, or a damaged download." in note

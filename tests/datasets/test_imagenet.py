"""ImageNet as people have it: one tiny set in every layout gives the same samples."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.datasets.imagenet_trees import (
    BLACKLISTED,
    GOLDFISH,
    IMAGES,
    KIT_FOX,
    LAYOUTS,
    TENCH,
    content,
    flat,
    kaggle,
    name,
    shards,
    suffixed,
    torchvision,
    write,
    write_devkit,
    xml,
)
from wsol.datasets.formats.imagenet import ImageNet
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.labels import match_class_indices, wnids
from wsol.errors import DataError

WNIDS = (TENCH, GOLDFISH, KIT_FOX)


def class_names() -> list[str]:
    """As a network of torchvision has them."""
    names = [f"class {n}" for n in range(1000)]
    names[0], names[1], names[278] = "tench", "goldfish", "kit fox"
    return names


def refused(data: ImageNet, said: str) -> None:
    with pytest.raises(DataError, match=said):
        data.samples()


@pytest.fixture(params=LAYOUTS)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    LAYOUTS[request.param](tmp_path / "imagenet")
    return tmp_path / "imagenet"


def test_every_layout_gives_the_same_samples(root: Path) -> None:
    data = ImageNet(root=root)
    expected = [
        (name(number), WNIDS.index(wnid), size, [list(box) for box in boxes])
        for number, (wnid, size, boxes) in IMAGES.items()
    ]
    expected[5][3][0][2] = 15  # past the edge: cut off there
    assert [(s.image_id, s.label, s.size_wh, s.boxes_xyxy.tolist()) for s in data.samples()] == expected
    assert data.class_names == WNIDS
    assert data.split == "val"


def test_every_layout_gives_the_same_pixels_as_stored(root: Path) -> None:
    """The official boxes are of the pixels as stored: EXIF turns nothing."""
    data = ImageNet(root=root)
    for number, sample in enumerate(data.samples(), start=1):
        write(root.parent / "one.jpg", content(number))
        with PIL.Image.open(root.parent / "one.jpg") as stored:
            expected = np.asarray(stored.convert("RGB"))
        assert np.array_equal(np.asarray(data.image(sample)), expected)


def test_every_layout_is_one_data_set(root: Path, tmp_path: Path) -> None:
    """Rows of one layout are those of another: what decides an image is its file's content."""
    flat(tmp_path / "flat")
    one, other = ImageNet(root=root), ImageNet(root=tmp_path / "flat")
    assert [*map(one.stamp, one.samples())] == [*map(other.stamp, other.samples())]
    assert one.fingerprint() == other.fingerprint()


def test_every_layout_can_leave_the_blacklist_out(root: Path) -> None:
    data = ImageNet(root=root, blacklist="leave_out")
    assert [s.image_id for s in data.samples()] == [name(number) for number in IMAGES if number != BLACKLISTED]
    assert "ILSVRC's blacklist: 1 image is left out (blacklist=leave_out)." in data.notes()
    assert "ILSVRC's blacklist: its images are scored (blacklist=score)." in ImageNet(root=root).notes()


def test_labels_are_the_network_s_whatever_it_calls_its_classes(root: Path) -> None:
    data = ImageNet(root=root)
    of_imagenet = match_class_indices(data, class_names(), 1000)
    expected = {TENCH: 0, GOLDFISH: 1, KIT_FOX: 278}
    assert [s.label for s in of_imagenet.samples()] == [expected[wnid] for wnid, _, _ in IMAGES.values()]
    assert (of_imagenet.split, of_imagenet.notes()) == ("val", data.notes())
    assert match_class_indices(data, (), 3) is data


def test_a_network_of_another_order_is_noticed_by_its_names(tmp_path: Path) -> None:
    """Kaggle's tree has the words for each WordNet id, and torchvision's networks have names."""
    kaggle(tmp_path)
    data, names = ImageNet(root=tmp_path), class_names()
    assert [s.label for s in match_class_indices(data, names, 1000).samples()][:2] == [278, 0]
    background = ["background", *names[:-1]]
    with pytest.raises(DataError, match=r"3 of 3 classes have other names in the network .*: class 0 is 'background'"):
        match_class_indices(data, background, 1000)
    wnids = [f"n{n:08d}" for n in range(1000)]
    wnids[7], wnids[8], wnids[9] = KIT_FOX, TENCH, GOLDFISH
    assert [s.label for s in match_class_indices(data, wnids, 1000).samples()][:3] == [7, 8, 9]


def test_a_box_past_the_edge_is_cut_off_and_counted(tmp_path: Path) -> None:
    flat(tmp_path)
    data = ImageNet(root=tmp_path)
    assert data.notes()[0] == "1 box past the edge of its image is cut off there."
    beside = xml(1).replace("<xmin>2<", "<xmin>30<").replace("<xmax>9<", "<xmax>35<")
    write(tmp_path / "ILSVRC2012_bbox_val_v3" / "val" / f"{name(1)}.xml", beside)
    refused(ImageNet(root=tmp_path), r"box \[30, 3, 35, 12\] of image 'ILSVRC2012_val_00000001' lies outside its 20x16")
    inverted = xml(1).replace("<xmin>2<", "<xmin>12<")
    write(tmp_path / "ILSVRC2012_bbox_val_v3" / "val" / f"{name(1)}.xml", inverted)
    refused(ImageNet(root=tmp_path), "is inverted")


@pytest.mark.parametrize("matlab", [True, False])
def test_the_development_kit_alone_gives_labels(matlab: bool, tmp_path: Path) -> None:
    """Its ids are in another order than the networks' classes."""
    for number in IMAGES:
        write(tmp_path / f"{name(number)}.JPEG", content(number))
    refused(ImageNet(root=tmp_path), "nothing below .* says the class of image 'ILSVRC2012_val_00000001.JPEG'")
    write_devkit(tmp_path / "devkit" / "data", matlab=matlab)
    samples = ImageNet(root=tmp_path).samples()
    assert [s.label for s in samples] == [WNIDS.index(wnid) for wnid, _, _ in IMAGES.values()]
    assert all(s.boxes_xyxy.shape == (0, 4) for s in samples)


def test_a_part_of_the_images_keeps_its_labels(tmp_path: Path) -> None:
    """Lines of the kit are by number, so that missing images move nothing."""
    for number in (2, 6):
        write(tmp_path / f"{name(number)}.JPEG", content(number))
    write_devkit(tmp_path / "data")
    data = ImageNet(root=tmp_path)
    assert [data.class_names[s.label] for s in data.samples()] == [TENCH, KIT_FOX]


def test_the_training_split_is_its_images_with_boxes(tmp_path: Path) -> None:
    for number in (1, 2):
        wnid = IMAGES[number][0]
        write(tmp_path / "ILSVRC/Data/CLS-LOC/train" / wnid / f"{wnid}_{number}.JPEG", content(number))
    write(tmp_path / "ILSVRC/Annotations/CLS-LOC/train" / KIT_FOX / f"{KIT_FOX}_1.xml", xml(1))
    data = ImageNet(root=tmp_path, split="train")
    assert [(s.image_id, len(s.boxes_xyxy)) for s in data.samples()] == [(f"{KIT_FOX}_1", 2)]
    assert ImageNet.recognize(tmp_path) == [{"root": str(tmp_path), "split": "train", "annotations": None}]


def test_the_first_images_have_the_labels_of_all(tmp_path: Path) -> None:
    flat(tmp_path)
    assert [s.label for s in ImageNet(root=tmp_path, limit=2).samples()] == [2, 0]


XML = f"ILSVRC2012_bbox_val_v3/val/{name(3)}.xml"
CSV = "LOC_val_solution.csv"


@pytest.mark.parametrize(
    ("layout", "file", "data", "said"),
    [
        (flat, XML, "<annotation", "is not XML"),
        (flat, XML, "<html/>", "its root is 'html'"),
        (flat, XML, "<annotation/>", "has 0 classes"),
        (flat, XML, "<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", "defines entities"),
        (flat, XML, xml(3).replace(f"<name>{GOLDFISH}", "<name>"), "object 1 has no name"),
        (flat, XML, xml(3).replace("<xmin>1<", "<xmin>one<"), "object 1 has the bndbox 'one,1,5,6'"),
        (flat, XML, xml(3).replace("<xmin>1<", "<xmin>nan<"), "not a number"),
        (flat, XML, xml(3).replace(GOLDFISH, "goldfish"), "'goldfish', which is not a WordNet id"),
        (
            torchvision,
            f"val/{name(3)}.xml",
            xml(3).replace(GOLDFISH, TENCH),
            f"of class {GOLDFISH} by its name, and of",
        ),
        (torchvision, f"val/{TENCH}/{name(1)}.JPEG", content(1), f"of class {TENCH} by its name, and of '{KIT_FOX}'"),
        (flat, f"{KIT_FOX}/{name(1)}.JPEG", content(1), "the image id 'ILSVRC2012_val_00000001' stands twice"),
        (kaggle, CSV, "ImageId,Prediction\na,b", "no column in .* called 'PredictionString'"),
        (kaggle, CSV, f"ImageId,PredictionString\n{name(1)},{TENCH} 1 2 3", "line 2: .* should be 'wnid x0 y0 x1 y1'"),
        (
            kaggle,
            CSV,
            f"ImageId,PredictionString\n{name(1)},{TENCH} 1 2 3 x",
            "line 2: .* should be 'wnid x0 y0 x1 y1'",
        ),
        (kaggle, CSV, f"ImageId,PredictionString\n{name(1)},", "line 2: .* should be 'wnid x0 y0 x1 y1'"),
        (kaggle, CSV, f"ImageId,PredictionString\na,{TENCH} 1 2 3 4\na,{TENCH} 1 2 3 4", "the image 'a' stands twice"),
        (shards, "imagenet-val-000000.tar", b"not a tar" * 99, "can't be read as an uncompressed tar archive"),
        (suffixed, "metadata/ILSVRC/test/class_labels.txt", f"val/{name(1)}.JPEG,1000", "images have no label"),
    ],
)
def test_what_is_malformed_is_said_in_a_sentence(
    layout: Callable[[Path], None], file: str, data: str | bytes, said: str, tmp_path: Path
) -> None:
    layout(tmp_path / "r")
    write(tmp_path / "r" / file, data)
    refused(ImageNet(root=tmp_path / "r"), said)


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        (
            "ILSVRC2012_validation_ground_truth.txt",
            "1\n2\n",
            "has 2 lines and so no label of 'ILSVRC2012_val_00000003'",
        ),
        ("ILSVRC2012_validation_ground_truth.txt", "9\n" * 7, "line 1: 9 is not an id of a class in the kit"),
        ("ILSVRC2012_validation_ground_truth.txt", "fox\n" * 7, "line 1: 'fox' should be a whole number"),
        ("meta.mat", b"MATLAB" * 50, "is not the development kit's meta.mat"),
        ("map_clsloc.txt", TENCH, "line 1: 'n01440764' should be 'wnid id name'"),
    ],
)
def test_a_malformed_kit_is_said_in_a_sentence(file: str, data: str | bytes, said: str, tmp_path: Path) -> None:
    for number in IMAGES:
        write(tmp_path / f"{name(number)}.JPEG", content(number))
    write_devkit(tmp_path / "data")
    write(tmp_path / "data" / file, data)
    refused(ImageNet(root=tmp_path), said)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    refused(ImageNet(root=tmp_path / "absent"), "no folder for dataset.root")
    refused(ImageNet(root=tmp_path), "has no image of ImageNet's val split: neither ILSVRC2012_val_00000001.JPEG")
    flat(tmp_path)
    for file in (tmp_path / "ILSVRC2014_devkit" / "data").iterdir():
        file.unlink()
    refused(ImageNet(root=tmp_path, blacklist="leave_out"), "needs ILSVRC2014_clsloc_validation_blacklist.txt")
    refused(ImageNet(root=tmp_path, annotations=tmp_path / "boxes"), "dataset.annotations")


def test_real_images_with_lists_beside_them_are_those_of_the_lists(shared: Path) -> None:
    """909 real images: labels come from the lists, as WordNet ids, and get the network's numbers again."""
    folder = shared / "data" / "ilsvrc_open"
    data = match_class_indices(ImageNet(root=folder), (), 1000)
    listed = WsolEvaluation(images=folder / "images", metadata=folder / "metadata").samples()
    assert len(listed) == 909
    for sample, other in zip(data.samples(), listed, strict=True):
        assert f"{sample.image_id}.JPEG" == other.image_id
        assert (sample.label, sample.size_wh) == (other.label, other.size_wh)
        assert np.array_equal(sample.boxes_xyxy, other.boxes_xyxy)


def test_the_first_image_has_its_published_class() -> None:
    """Id 490 of the kit is n01751748, which networks count as 65."""
    assert wnids()["n01751748"] == 65


def test_the_official_archive_need_not_be_unpacked(tmp_path: Path) -> None:
    flat(tmp_path / "flat")
    flat(tmp_path / "packed")
    with tarfile.open(tmp_path / "packed" / "ILSVRC2012_img_val.tar", "w") as archive:
        for file in sorted((tmp_path / "packed").glob("*.JPEG")):
            archive.add(file, file.name)
            file.unlink()
    one, other = ImageNet(root=tmp_path / "flat"), ImageNet(root=tmp_path / "packed")
    assert ImageNet.recognize(tmp_path / "packed")
    assert one.digest() == other.digest()
    assert [*map(one.stamp, one.samples())] == [*map(other.stamp, other.samples())]
    assert np.array_equal(np.asarray(one.image(one.samples()[1])), np.asarray(other.image(other.samples()[1])))

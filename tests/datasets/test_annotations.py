"""`wsol score --annotations PATH` reads every format that `dataset=PATH` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from tests.datasets.trees import TREES, write
from wsol.datasets.annotations import read_annotations
from wsol.datasets.base import datasets
from wsol.datasets.recognition import guesses
from wsol.errors import ConfigError, DataError
from wsol.options import build, defaults


@pytest.mark.parametrize("name", [name for name, (key, _) in TREES.items() if not datasets[key].boxless])
def test_every_format_is_read_as_annotations(name: str, tmp_path: Path) -> None:
    key, writer = TREES[name]
    writer(tmp_path / "tree")
    (guess,) = guesses(tmp_path / "tree")
    expected = build(datasets[key], guess.options, where="dataset")
    folders = {k: Path(str(v)) for k, v in guess.options.items() if k in ("images", "masks") and v is not None}
    data = read_annotations(tmp_path / "tree", **folders)
    assert data.key == expected.key
    assert [(s.image_id, s.label, s.size_wh, s.boxes_xyxy.tolist()) for s in data.samples()] == [
        (s.image_id, s.label, s.size_wh, s.boxes_xyxy.tolist()) for s in expected.samples()
    ]


def test_images_are_not_looked_for_unless_they_are_named(tmp_path: Path) -> None:
    trees.wsolevaluation(tmp_path)
    lists = tmp_path / "metadata" / "CUB" / "test"
    assert read_annotations(lists).images is None  # type: ignore[attr-defined]
    (tmp_path / "CUB" / "a" / "1.png").unlink()
    assert len(read_annotations(lists).samples()) == 2
    with pytest.raises(DataError, match="1 of 2 images are missing"):
        read_annotations(lists, images=tmp_path / "CUB").samples()


def test_a_folder_of_images_is_refused_for_a_tree_that_has_its_own(tmp_path: Path) -> None:
    trees.voc(tmp_path)
    with pytest.raises(ConfigError, match=r"--images .*: .* of the format voc take no folder of images; leave it"):
        read_annotations(tmp_path, images=tmp_path)


def test_a_path_of_no_format_or_of_several_is_said(tmp_path: Path) -> None:
    write(tmp_path / "notes.txt", "nothing")
    with pytest.raises(DataError, match=r"notes.txt is of no known format; give .* \(coco, cub, folder, .*yolo\)"):
        read_annotations(tmp_path / "notes.txt")
    trees.folder(tmp_path / "two")
    trees.yolo(tmp_path / "two")
    with pytest.raises(DataError, match=r"can be read in 2 ways; give the folder or file of one: folder .* \| yolo"):
        read_annotations(tmp_path / "two")


def test_a_file_that_no_reader_recognizes_is_named_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "image_id,labels,x0,y0,x1,y1\na.jpg,1,0,0,4,4")
    with pytest.raises(DataError, match=r"no column in .* called 'label'; nearest: 'labels'"):
        read_annotations(tmp_path / "a.csv").samples()


def test_the_reader_of_a_suffix_takes_a_file_of_annotations() -> None:
    readers = {reader.suffix: reader for reader in datasets.values() if reader.suffix}
    assert {*readers} == {".csv", ".json"}
    assert all("annotations" in defaults(reader) for reader in readers.values())


def test_masks_alone_are_annotations(tmp_path: Path) -> None:
    np.savez(tmp_path / "masks.npz", a=np.eye(3, dtype=np.uint8))
    (sample,) = read_annotations(tmp_path / "masks.npz").samples()
    assert (sample.image_id, sample.size_wh) == ("a", (3, 3))

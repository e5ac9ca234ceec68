"""ImageNetV2 under its old names and under the hashes of today's downloads."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from tests.datasets import trees
from tests.datasets.trees import write
from wsol.datasets.formats.imagenetv2 import ImageNetV2
from wsol.datasets.pixels import image_size
from wsol.errors import DataError

IDS = ["val2/0/0.jpeg", "val2/0/1.jpeg", "val2/0/2.jpeg", "val2/0/3.jpeg", "val2/10/0.jpeg"]
DECIDED = ["val2/0/0.jpeg", "val2/0/3.jpeg", "val2/10/0.jpeg"]


def opened(root: Path, **options: object) -> ImageNetV2:
    images = root / "imagenetv2-threshold0.7-format-val"
    return ImageNetV2(**{"images": images, "metadata": root / "metadata" / "ILSVRC" / "val", **options})


def test_folders_are_class_indices_and_not_names_to_sort(tmp_path: Path) -> None:
    """As names, folder 10 would come before folder 2."""
    trees.imagenetv2(tmp_path)
    data = opened(tmp_path)
    assert [(s.image_id, s.label) for s in data.samples()] == [*((i, 0) for i in IDS[:4]), (IDS[4], 10)]
    assert data.notes() == ()
    assert data.file_name(data.samples()[4]) == "10/0.jpeg"


def test_the_tree_of_wsolevaluation_is_read_too(tmp_path: Path) -> None:
    trees.imagenetv2(tmp_path)
    (tmp_path / "ILSVRC").mkdir()
    (tmp_path / "imagenetv2-threshold0.7-format-val").rename(tmp_path / "ILSVRC" / "val2")
    data = opened(tmp_path, images=tmp_path / "ILSVRC")
    assert [s.image_id for s in data.samples()] == IDS
    assert data.image(data.samples()[1]).size == (9, 7)


def test_hashed_names_are_recovered_by_class_and_size(tmp_path: Path) -> None:
    trees.imagenetv2_hashed(tmp_path / "hashed")
    trees.imagenetv2(tmp_path / "old", sizes=[(8, 6), (9, 7), (7, 9), (10, 8)])
    hashed, old = opened(tmp_path / "hashed"), opened(tmp_path / "old")
    assert [s.image_id for s in hashed.samples()] == IDS
    for one, other in zip(hashed.samples(), old.samples(), strict=True):
        assert (one.label, one.size_wh, one.boxes_xyxy.tolist()) == (
            other.label,
            other.size_wh,
            other.boxes_xyxy.tolist(),
        )
        assert hashed.stamp(one) == old.stamp(other)
        with PIL.Image.open(tmp_path / "hashed/imagenetv2-threshold0.7-format-val" / hashed.file_name(one)) as stored:
            assert stored.size == one.size_wh


def test_what_sizes_do_not_decide_is_never_guessed(tmp_path: Path) -> None:
    trees.imagenetv2(tmp_path, hashed=True)
    said = (
        r"the 5 images under .* have other names than the lists', and no mapping was published: class and size decide "
        r"3 of 5; 2 share class and size, first 'val2/0/1.jpeg' \(2 files of class 0 are 9x7 pixels, 2 such images are "
        r"listed\). "
        r"Give dataset.names=FOLDER with images under the old names, or CSV with image_id,file, or "
        r"dataset.undecided=leave_out"
    )
    with pytest.raises(DataError, match=said):
        opened(tmp_path).samples()
    sizes = tmp_path / "metadata/ILSVRC/val/image_sizes.txt"
    write(sizes, sizes.read_text().replace("10/0.jpeg,8,6", "10/0.jpeg,5,5"))
    with pytest.raises(
        DataError, match=r"decide 2 of 5; 2 share .*; 1 have no file of their class and size, first 'val2/10"
    ):
        opened(tmp_path).samples()
    trees.imagenetv2(tmp_path, hashed=True)
    data = opened(tmp_path, undecided="leave_out")
    assert [s.image_id for s in data.samples()] == DECIDED
    assert data.notes() == ("2 of 5 images are left out: their names can't be recovered.",)
    assert [s.image_id for s in opened(tmp_path, undecided="leave_out", limit=2).samples()] == DECIDED[:2]


@pytest.mark.parametrize("kept", [["0/1.jpeg", "0/2.jpeg"], ["0/2.jpeg"]])
def test_an_older_download_decides_by_content_even_in_part(kept: list[str], tmp_path: Path) -> None:
    """Two images of one size: where the content of one is known, the other is what is left."""
    trees.imagenetv2(tmp_path, hashed=True)
    folder = tmp_path / "imagenetv2-threshold0.7-format-val" / "0"
    alike = [file for file in sorted(folder.iterdir()) if image_size(file, upright=False) == (9, 7)]
    for n, file in enumerate(alike):
        PIL.Image.new("RGB", (9, 7), (200 * n, 9, 9)).save(file)
    for name, file in zip(["0/1.jpeg", "0/2.jpeg"], reversed(alike), strict=True):
        if name in kept:
            (tmp_path / "old" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "old" / name).write_bytes(file.read_bytes())
    data = opened(tmp_path, names=tmp_path / "old")
    assert [s.image_id for s in data.samples()] == IDS
    assert [data.file_name(s) for s in data.samples()[1:3]] == [f"0/{file.name}" for file in reversed(alike)]


def test_a_table_of_names_decides(tmp_path: Path) -> None:
    trees.imagenetv2(tmp_path, hashed=True)
    folder = tmp_path / "imagenetv2-threshold0.7-format-val" / "0"
    alike = [file for file in sorted(folder.iterdir()) if image_size(file, upright=False) == (9, 7)]
    lines = ["image_id,file", f"val2/0/1.jpeg,0/{alike[0].name}", f"val2/0/2.jpeg,0/{alike[1].name}"]
    write(tmp_path / "names.csv", "\n".join(lines))
    data = opened(tmp_path, names=tmp_path / "names.csv")
    assert [(s.image_id, s.size_wh) for s in data.samples()] == [("val2/0/1.jpeg", (9, 7)), ("val2/0/2.jpeg", (9, 7))]
    write(tmp_path / "names.csv", "image_id,file\nval2/9/9.jpeg,a.jpeg")
    with pytest.raises(DataError, match=r"names 'val2/9/9.jpeg', which is not an id of"):
        opened(tmp_path, names=tmp_path / "names.csv").samples()
    write(tmp_path / "names.csv", "id,file\nval2/9/9.jpeg,a.jpeg")
    with pytest.raises(DataError, match=r"no column in .* called 'image_id'"):
        opened(tmp_path, names=tmp_path / "names.csv").samples()


def test_other_images_than_the_lists_are_refused(tmp_path: Path) -> None:
    trees.imagenetv2(tmp_path, hashed=True, sizes=[(20, 20)] * 4)
    write(tmp_path / "metadata/ILSVRC/val/image_sizes.txt", "\n".join(f"{i},5,5" for i in IDS))
    with pytest.raises(DataError, match=r"are they threshold0\.7\?"):
        opened(tmp_path, undecided="leave_out").samples()


def test_a_missing_image_of_the_old_names_is_missing(tmp_path: Path) -> None:
    trees.imagenetv2(tmp_path)
    (tmp_path / "imagenetv2-threshold0.7-format-val" / "10" / "0.jpeg").unlink()
    with pytest.raises(DataError, match="1 of 5 images are missing"):
        opened(tmp_path).samples()


def test_lists_without_an_image_are_refused(tmp_path: Path) -> None:
    trees.imagenetv2(tmp_path)
    write(tmp_path / "metadata" / "ILSVRC" / "val" / "class_labels.txt", "")
    with pytest.raises(DataError, match="lists no image: the dataset is empty"):
        opened(tmp_path).samples()


def test_boxes_without_images_need_no_names(tmp_path: Path) -> None:
    trees.imagenetv2(tmp_path, hashed=True)
    assert [s.image_id for s in opened(tmp_path, images=None).samples()] == IDS

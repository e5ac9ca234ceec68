"""Masks in tar archives and at URLs, and lists and annotation files at URLs: the data of a folder, wherever it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.datasets import trees
from tests.datasets.conftest import paint, rectangle
from tests.datasets.prepare.archives import tar
from tests.evaluation.small import made, ran, rows
from wsol.cli import main
from wsol.datasets.base import Dataset
from wsol.datasets.formats.coco import Coco
from wsol.datasets.formats.cub import Cub
from wsol.datasets.formats.folder import Folder
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.stores import file_systems
from wsol.errors import DataError

fsspec = pytest.importorskip("fsspec", reason="fsspec, the extra cloud, is not installed")

IDS = ("a/1.png", "a/2.png", "b.png")
BUCKET = "memory://bucket"
LISTS = {
    "image_ids.txt": "\n".join(IDS),
    "class_labels.txt": "\n".join(f"{name},{label}" for label, name in enumerate(IDS)),
    "image_sizes.txt": "",
    "localization.txt": "\n".join(f"{name},masks/{name},{'ignored/b.png' * (name == 'b.png')}" for name in IDS),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is remembered from other tests; the store in memory is empty."""
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "wsol-cache"))
    monkeypatch.setattr(file_systems, "PAUSE", 0.001)
    yield
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, their masks, and their lists as the split ``test``."""
    root = tmp_path / "set"
    for place, name in enumerate(IDS):
        paint(root / "images" / name, (12 + place, 9))
        rectangle(root / "segments" / "masks" / name, (12 + place, 9), (2, 1, 6, 5))
    rectangle(root / "segments" / "ignored" / "b.png", (14, 9), (5, 1, 9, 5))
    for name, text in LISTS.items():
        (root / "lists" / "test").mkdir(parents=True, exist_ok=True)
        (root / "lists" / "test" / name).write_text(text)
    return root


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def put(folder: Path, at: str) -> str:
    """The files of a folder in the store in memory; their URL."""
    for name, content in files_of(folder).items():
        fsspec.filesystem("memory").pipe_file(f"/bucket/{at}/{name}", content)
    return f"{BUCKET}/{at}"


def places(folder: Path) -> dict[str, dict[str, str]]:
    """The options of the same data in every kind of place."""
    images, masks, lists = (folder / name for name in ("images", "segments", "lists"))
    (folder / "masks.tar").write_bytes(tar(files_of(masks)))
    plain = {"images": str(images), "masks": str(masks), "metadata": str(lists / "test")}
    return {
        "folder": plain,
        "masks in a tar archive": {**plain, "masks": str(folder / "masks.tar")},
        "masks at a URL": {**plain, "masks": put(masks, "masks")},
        "lists at a URL": {**plain, "metadata": f"{put(lists, 'lists')}/test"},
        "a split in its folder at a URL": {**plain, "metadata": f"{BUCKET}/lists", "split": "test"},
        "a split beside the folder at a URL": {**plain, "metadata": f"{BUCKET}/lists/val", "split": "test"},
        "everything at a URL": {
            "images": put(images, "images"),
            "masks": f"{BUCKET}/masks",
            "metadata": f"{BUCKET}/lists/test/",
        },
    }


def same(one: Dataset, two: Dataset) -> None:
    assert one.fingerprint() == two.fingerprint()
    for a, b in zip(one.samples(), two.samples(), strict=True):
        assert (a.image_id, a.label, a.size_wh, one.stamp(a)) == (b.image_id, b.label, b.size_wh, two.stamp(b))
        assert a.boxes_xyxy.tolist() == b.boxes_xyxy.tolist()
        masks = one.mask(a), two.mask(b)
        assert [None if mask is None else mask.tolist() for mask in masks[:1]] == [
            None if mask is None else mask.tolist() for mask in masks[1:]
        ]


def test_masks_and_lists_are_those_of_the_folder_wherever_they_are(folder: Path) -> None:
    known = places(folder)
    plain = WsolEvaluation(**known.pop("folder"))
    assert sorted({int(level) for s in plain.samples() for level in plain.mask(s).flat}) == [0, 1, 255]
    for options in known.values():
        same(WsolEvaluation(**options), plain)


def test_sizes_come_from_masks_at_a_url_where_there_are_no_images(folder: Path) -> None:
    known = places(folder)
    for kind in ("folder", "masks in a tar archive", "everything at a URL"):
        data = WsolEvaluation(**{**known[kind], "images": None})
        assert [s.size_wh for s in data.samples()] == [(12, 9), (13, 9), (14, 9)]


def test_rows_of_a_run_are_equal_wherever_masks_and_lists_are(folder: Path, tmp_path: Path) -> None:
    def run_from(options: Mapping[str, str]) -> tuple[str, object]:
        words = [f"dataset.{name}={value}" for name, value in options.items()]
        run = made("dataset=wsolevaluation", *words, "model.weights=random", "method=[gradcam]",
                   "protocol=[]", "metric=[pxap]")  # fmt: skip
        return run.folder_name, rows(ran(run, tmp_path / str(len(list(tmp_path.iterdir())))))

    known = places(folder)
    assert run_from(known["everything at a URL"]) == run_from(known["folder"])


def test_the_published_cub_is_read_from_a_url(tmp_path: Path) -> None:
    trees.cub(tmp_path)
    root, masks = tmp_path / "CUB_200_2011", tmp_path / "segmentations"
    options = {"images": put(root / "images", "cub/images"), "masks": put(masks, "segmentations")}
    plain = Cub(images=root / "images", metadata=root, masks=masks)
    elsewhere = Cub(metadata=put(root, "cub"), **options)
    same(elsewhere, plain)
    assert elsewhere.class_names == plain.class_names


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_annotation_file_at_a_url_is_read_as_it_is_now(kind: str, folder: Path) -> None:
    def write(label: str) -> None:
        if kind == "csv":
            lines = ["image_id,label,x0,y0,x1,y1", *(f"{name},{label},1,1,6,5" for name in IDS)]
            text = "\n".join(lines)
        else:
            images = [{"id": n, "file_name": f, "width": 12 + n, "height": 9} for n, f in enumerate(IDS)]
            objects = [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 5, 4]} for n in range(len(IDS))]
            categories = [{"id": 1, "name": label}]
            text = json.dumps({"images": images, "annotations": objects, "categories": categories})
        (folder / f"boxes.{kind}").write_text(text)
        fsspec.filesystem("memory").pipe_file(f"/bucket/boxes.{kind}", text.encode())

    reader = {"csv": Folder, "json": Coco}[kind]
    for label in ("finch", "wren"):
        write(label)
        elsewhere = reader(images=folder / "images", annotations=f"{BUCKET}/boxes.{kind}")
        same(elsewhere, reader(images=folder / "images", annotations=folder / f"boxes.{kind}"))
        assert elsewhere.class_names == (label,)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"masks": f"{BUCKET}/nowhere"}, "none of the 4 masks is at dataset.masks=memory://bucket/nowhere"),
        ({"masks": "no://bucket"}, "there is no URL scheme for dataset.masks: 'no://'"),
        ({"metadata": f"{BUCKET}/nowhere"}, "dataset.metadata=memory://bucket/nowhere: there is no image_ids.txt at"),
        ({"metadata": f"{BUCKET}/lists", "split": "val"}, "at memory://bucket/lists/val or memory://bucket/val"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    options: Mapping[str, str], sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"dataset.{name}={value}" for name, value in {**places(folder)["folder"], **options}.items()]
    assert main(["run", "dataset=wsolevaluation", *words, "model.weights=random", "--dry"]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_an_annotation_file_that_is_not_at_its_url_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"dataset.annotations=memory://bucket/a.csv is missing: there is nothing at"):
        Folder(images=folder / "images", annotations=f"{BUCKET}/a.csv").samples()


def test_a_mask_that_is_lacking_in_an_archive_is_named(folder: Path) -> None:
    options = places(folder)["masks in a tar archive"]
    (folder / "masks.tar").write_bytes(tar(dict(list(files_of(folder / "segments").items())[:-1])))
    with pytest.raises(
        DataError, match=r"1 of 4 masks are missing under dataset.masks=.*masks.tar, first 'masks/b.png"
    ):
        WsolEvaluation(**options).samples()


def test_a_mask_that_cannot_be_fetched_counts_as_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = places(folder)["masks at a URL"]
    memory = type(fsspec.filesystem("memory"))
    read = memory.cat_file

    def cat_file(self: object, path: str, **more: object) -> bytes:
        if path.endswith("masks/b.png"):
            raise OSError("connection reset")
        content: bytes = read(self, path, **more)
        return content

    monkeypatch.setattr(memory, "cat_file", cat_file)
    with pytest.raises(DataError, match=r"mask 'masks/b.png' can't be fetched: .* \(connection reset; tried 3 times\)"):
        WsolEvaluation(**options).fingerprint()
    data = WsolEvaluation(**options, damaged="skip")
    assert [s.image_id for s in data.samples()] == list(IDS[:2])
    assert any("not fetched: connection reset" in note for note in data.notes())

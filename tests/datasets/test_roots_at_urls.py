"""A dataset whose root is a URL: the samples, pixels, masks and rows of the same folder on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wsol
from tests.datasets import trees
from tests.datasets.trees import TREES
from tests.evaluation.small import made, ran, rows
from wsol.cli import main
from wsol.datasets.annotations import read_annotations
from wsol.datasets.base import Dataset, datasets
from wsol.datasets.contents import reading_all
from wsol.datasets.listing import Listing
from wsol.datasets.stores.cache import FileCache
from wsol.datasets.stores.remote import RemoteStore
from wsol.datasets.stores.remote_path import RemotePath, path_at
from wsol.errors import DataError
from wsol.options import build
from wsol.settings.guess import guess_of

fsspec = pytest.importorskip("fsspec", reason="fsspec, the extra cloud, is not installed")
web = pytest.importorskip("tests.datasets.web")

pytestmark = pytest.mark.usefixtures("own_cache", "memory_store")


def put(folder: Path, url: str = "memory://bucket/set") -> str:
    """The files of a folder in the store in memory; their URL."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            name = f"{url.removeprefix('memory:/')}/{file.relative_to(folder).as_posix()}"
            fsspec.filesystem("memory").pipe_file(name, file.read_bytes())
    return url


def at(url: str) -> RemotePath:
    path = path_at(url, option="dataset.root", cache=None, cache_gb=1)
    assert isinstance(path, RemotePath)
    return path


def opened(place: str) -> Dataset:
    guess = guess_of(place)
    return build(datasets[guess.key], dict(guess.options), where="dataset")


def same(one: Dataset, two: Dataset) -> None:
    assert one.key == two.key
    assert one.fingerprint() == two.fingerprint()
    assert list(one.class_names) == list(two.class_names)
    assert list(one.notes()) == list(two.notes())
    assert one.synonyms == two.synonyms
    for a, b in zip(one.samples(), two.samples(), strict=True):
        assert (a.image_id, a.label, a.size_wh, one.stamp(a)) == (b.image_id, b.label, b.size_wh, two.stamp(b))
        assert a.boxes_xyxy.tolist() == b.boxes_xyxy.tolist()
        assert one.image(a).tobytes() == two.image(b).tobytes()
        masks = one.mask(a), two.mask(b)
        assert (masks[0] is None) == (masks[1] is None)
        assert masks[0] is None or np.array_equal(*masks)


@pytest.mark.parametrize("name", TREES)
def test_a_tree_in_an_object_store_is_that_of_the_folder(name: str, tmp_path: Path) -> None:
    TREES[name][1](tmp_path / "set")
    elsewhere, here = opened(put(tmp_path / "set")), opened(str(tmp_path / "set"))
    assert elsewhere.key == TREES[name][0] == here.key
    same(elsewhere, here)


@pytest.mark.parametrize("name", TREES)
def test_a_tree_on_a_web_server_that_lists_its_folders_is_that_of_the_folder(name: str, tmp_path: Path) -> None:
    TREES[name][1](tmp_path / "a set")
    with web.served(tmp_path) as url:
        same(opened(f"{url}/a%20set"), opened(str(tmp_path / "a set")))


def test_a_root_on_this_machine_may_be_a_url(tmp_path: Path) -> None:
    trees.voc(tmp_path / "set")
    root = tmp_path / "set" / "VOCdevkit" / "VOC2012"
    elsewhere = build(datasets["voc"], {"root": f"file://{root}"}, where="dataset")
    same(elsewhere, opened(str(tmp_path / "set")))
    (tmp_path / "secret.jpg").write_bytes((root / "JPEGImages" / "1.jpg").read_bytes())
    (root / "JPEGImages" / "1.jpg").unlink()
    (root / "JPEGImages" / "1.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(DataError, match=r"leads to .*secret.jpg, out of dataset.root="):
        build(datasets["voc"], {"root": f"file://{root}"}, where="dataset").samples()


@pytest.mark.parametrize(
    ("name", "classes"), [("imagenet-torchvision", 1000), ("imagenet-shards", 1000), ("voc", 20), ("folder", 2)]
)
def test_rows_of_a_run_are_equal_wherever_the_root_is(name: str, classes: int, tmp_path: Path) -> None:
    TREES[name][1](tmp_path / "set")

    def run_from(place: str) -> tuple[str, Any]:
        network = f"model=resnet18[weights=random,num_classes={classes},input_size=32]"
        words = [network, "method=[gradcam,inputedge]", "protocol=[choe2020_v1]"]
        run = made(f"dataset={place}", f"dataset.cache={tmp_path / 'c'}", *words)
        return run.folder_name, rows(ran(run, tmp_path / str(len(list(tmp_path.iterdir())))))

    elsewhere, here = run_from(put(tmp_path / "set")), run_from(str(tmp_path / "set"))
    assert all(len(table) for table in here[1].values())
    assert elsewhere == here


def test_options_that_name_files_of_a_tree_may_be_urls(tmp_path: Path) -> None:
    TREES["imagenet-flat"][1](tmp_path / "set")
    (tmp_path / "set" / "ILSVRC2012_bbox_val_v3" / "val").rename(tmp_path / "boxes")
    options = {"root": str(tmp_path / "set"), "annotations": put(tmp_path / "boxes", "memory://bucket/boxes")}
    here = build(datasets["imagenet"], {**options, "annotations": str(tmp_path / "boxes")}, where="dataset")
    same(build(datasets["imagenet"], options, where="dataset"), here)
    trees.places(tmp_path / "places")
    (tmp_path / "boxes.csv").write_text("image_id,x0,y0,x1,y1\nPlaces365_val_00000002.jpg,2,1,6,5\n")
    fsspec.filesystem("memory").pipe_file("/bucket/boxes.csv", (tmp_path / "boxes.csv").read_bytes())
    root = put(tmp_path / "places", "memory://bucket/places")
    elsewhere = build(datasets["places"], {"root": root, "annotations": "memory://bucket/boxes.csv"}, where="dataset")
    plain = {"root": str(tmp_path / "places"), "annotations": str(tmp_path / "boxes.csv")}
    same(elsewhere, build(datasets["places"], plain, where="dataset"))


def test_python_takes_urls_too(tmp_path: Path) -> None:
    trees.pets(tmp_path / "pets")
    url, here = put(tmp_path / "pets", "memory://bucket/data/pets"), wsol.load_dataset(tmp_path / "pets")
    same(wsol.load_dataset(url), here)
    same(wsol.load_dataset("pets", data="memory://bucket/data"), here)


def test_annotations_of_maps_may_be_at_a_url(tmp_path: Path) -> None:
    trees.coco(tmp_path)
    url = put(tmp_path)
    file = "annotations/instances_val2017.json"
    elsewhere = read_annotations(f"{url}/{file}", images=f"{url}/val2017")
    same(elsewhere, read_annotations(tmp_path / file, images=tmp_path / "val2017"))


@pytest.mark.parametrize("name", ["imagenet-torchvision", "imagenet-shards", "imagenet_s", "parquet"])
def test_a_second_reader_fetches_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TREES[name][1](tmp_path / "set")
    url, memory = put(tmp_path / "set"), type(fsspec.filesystem("memory"))
    fetched: list[str] = []
    read = memory.cat_file
    monkeypatch.setattr(memory, "cat_file", lambda self, path, **more: fetched.append(path) or read(self, path, **more))
    for number in range(2):
        data = opened(url)
        for sample in data.samples():
            data.image(sample)
            data.mask(sample)
        data.fingerprint()
        assert len(fetched) == len(set(fetched))
        assert number or fetched


def test_every_folder_is_listed_once_and_none_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TREES["imagenet-torchvision"][1](tmp_path / "set")
    url, memory = put(tmp_path / "set"), type(fsspec.filesystem("memory"))
    asked: list[str] = []
    ls = memory.ls
    monkeypatch.setattr(memory, "ls", lambda self, path, **more: asked.append(path) or ls(self, path, **more))
    monkeypatch.setattr(memory, "info", None)
    data = build(datasets["imagenet"], {"root": url}, where="dataset")
    assert data.fingerprint()
    assert len(data.samples()) == 7
    assert len(asked) == len(set(asked))
    assert {path.removeprefix("/bucket/set") for path in asked} <= {
        f"/{folder.relative_to(tmp_path / 'set')}" if folder != tmp_path / "set" else ""
        for folder in [tmp_path / "set", *(tmp_path / "set").rglob("*")]
        if folder.is_dir()
    }


def test_verify_reads_everything_again(tmp_path: Path) -> None:
    trees.voc(tmp_path / "set")
    right = opened(put(tmp_path / "set")).fingerprint()
    for copy in (tmp_path / "wsol-cache" / "images").rglob("*"):
        if copy.is_file():
            copy.write_bytes(bytes(copy.stat().st_size))  # as after a power failure
    with pytest.raises(DataError):
        opened("memory://bucket/set").samples()
    with reading_all():
        assert opened("memory://bucket/set").fingerprint() == right
    assert opened("memory://bucket/set").fingerprint() == right


def test_a_copy_counts_as_long_as_the_store_has_the_same(tmp_path: Path) -> None:
    trees.voc(tmp_path / "set")
    before = opened(put(tmp_path / "set"))
    assert len(before.samples()) == 3
    annotation = trees.voc_xml(("cat", (3, 2, 6, 5), 0), ("cow", (1, 1, 2, 6), 0)).encode()
    fsspec.filesystem("memory").pipe_file("/bucket/set/VOCdevkit/VOC2012/Annotations/1.xml", annotation)
    assert "JPEGImages/1.jpg#cow" in [sample.image_id for sample in opened("memory://bucket/set").samples()]


def test_no_name_leads_out_of_the_root(tmp_path: Path) -> None:
    trees.voc(tmp_path / "set")
    root = f"{put(tmp_path / 'set')}/VOCdevkit/VOC2012"
    memory = fsspec.filesystem("memory")
    image = (tmp_path / "set" / "VOCdevkit" / "VOC2012" / "JPEGImages" / "1.jpg").read_bytes()
    memory.rm_file("/bucket/set/VOCdevkit/VOC2012/JPEGImages/1.jpg")
    memory.pipe_file("/bucket/set/VOCdevkit/secret.jpg", image)
    text = trees.voc_xml(("cat", (3, 2, 6, 5), 0)).replace("<size>", "<filename>../../secret.jpg</filename><size>")
    memory.pipe_file("/bucket/set/VOCdevkit/VOC2012/Annotations/1.xml", text.encode())
    for outside in (False, True):
        data = build(datasets["voc"], {"root": root, "outside": outside}, where="dataset")
        with pytest.raises(DataError, match=r"'JPEGImages/../../secret.jpg' leads out of the folder of its dataset"):
            data.samples()
    for name in ("../secret.jpg", "/bucket/set/VOCdevkit/secret.jpg", "JPEGImages/../../secret.jpg"):
        path = at(root) / name
        assert not path.exists()
        assert path.listing() == Listing((), ())
        with pytest.raises(DataError, match="leads out of"):
            path.read_bytes()


def test_lists_beside_the_root_are_not_of_it(tmp_path: Path) -> None:
    """On this machine they are looked for there, too."""
    TREES["imagenet-suffixed"][1](tmp_path / "set")
    (tmp_path / "set" / "metadata").rename(tmp_path / "metadata")
    assert any(len(s.boxes_xyxy) for s in opened(str(tmp_path / "set")).samples())
    put(tmp_path / "metadata", "memory://bucket/metadata")
    data = opened(put(tmp_path / "set"))
    assert not any(len(s.boxes_xyxy) for s in data.samples())


class Page:
    """A file system of the web whose one page has these links."""

    def __init__(self, *links: str) -> None:
        self.links = links

    def ls(self, path: str, detail: bool) -> list[dict[str, object]]:
        assert (path, detail) == ("https://host/set/", True)
        return [{"name": u, "size": None, "type": "directory" if u.endswith("/") else "file"} for u in self.links]


def test_links_of_a_page_to_anywhere_else_are_no_files_of_its_folder(tmp_path: Path) -> None:
    own = ["https://host/set/a%20b.jpg", "https://host/%73et/c.jpg", "https://host/set/val/"]
    others = ["?C=N;O=D", "..%2f..%2fetc%2fpasswd", "..", "%2e%2e/", "deeper/x.jpg", "#top"]
    page = Page(*own, *(f"https://host/set/{link}" for link in others), "https://host/x.jpg", "https://evil/set/y.jpg")
    store = RemoteStore("https://host/set", page, "https://host/set", FileCache(tmp_path, 1))
    assert RemotePath(store).listing() == Listing(("val",), ("a b.jpg", "c.jpg"))
    assert str(RemotePath(store) / "a b.jpg") == own[0]


def test_a_folder_above_that_may_not_be_listed_has_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.cub(tmp_path / "set")
    url, memory = f"{put(tmp_path / 'set')}/CUB_200_2011", type(fsspec.filesystem("memory"))
    assert opened(url).masks == "memory://bucket/set/segmentations"
    ls = memory.ls

    def refused(self: Any, path: str, **more: Any) -> Any:
        if not path.startswith("/bucket/set/CUB_200_2011"):
            raise PermissionError("Access Denied")
        return ls(self, path, **more)

    monkeypatch.setattr(memory, "ls", refused)
    data = opened(url)
    assert (len(data.samples()), data.masks) == (2, None)
    with pytest.raises(DataError, match=r"dataset.root=memory://bucket can't be listed: Access Denied"):
        at("memory://bucket").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset=pets", "dataset.root=s4://b/pets"], "no URL scheme for dataset.root: 's4://'; nearest: 's3://'"),
        (["dataset=voc", "dataset.root=memory://nowhere"], "there is nothing at dataset.root=memory://nowhere: is "),
        (["dataset=memory://nowhere"], "there is nothing at dataset=memory://nowhere: is there such a bucket, folder"),
        (["dataset=memory://bucket/odd"], "dataset=memory://bucket/odd is of no format that is known (class_folders"),
        (["dataset=voc", "dataset.root=memory://bucket/odd"], "split in memory://bucket/odd/ImageSets/Main called"),
    ],
)
def test_what_is_not_there_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    fsspec.filesystem("memory").pipe_file("/bucket/odd/thesis.tex", b"\\documentclass")
    assert main(["run", *words, "model.weights=random", "--dry"]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_an_image_that_cannot_be_fetched_counts_as_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.pets(tmp_path / "set")
    url, memory = put(tmp_path / "set"), type(fsspec.filesystem("memory"))
    read = memory.cat_file

    def cat_file(self: Any, path: str, **more: Any) -> bytes:
        if path.endswith("Bengal_2.jpg"):
            raise ConnectionResetError("the connection was reset")
        return bytes(read(self, path, **more))

    monkeypatch.setattr(memory, "cat_file", cat_file)
    with pytest.raises(DataError, match=r"image 'images/Bengal_2.jpg' can't be fetched: memory://bucket/set/images"):
        build(datasets["pets"], {"root": url}, where="dataset").samples()
    data = build(datasets["pets"], {"root": url, "damaged": "skip"}, where="dataset")
    assert [s.image_id for s in data.samples()] == ["images/Abyssinian_1.jpg"]


def test_missing_images_are_counted(tmp_path: Path) -> None:
    trees.pets(tmp_path / "set")
    url = put(tmp_path / "set")
    fsspec.filesystem("memory").rm_file("/bucket/set/images/Bengal_2.jpg")
    with pytest.raises(DataError, match=r"1 of 2 images are missing under dataset.root=memory://bucket/set, first '"):
        opened(url).samples()


@pytest.mark.parametrize("name", ["imagenet-shards", "parquet", "imagenet-flat"])
def test_damaged_images_are_found_wherever_the_root_is(name: str, tmp_path: Path) -> None:
    TREES[name][1](tmp_path / "set")
    url = put(tmp_path / "set")
    sets = []
    for place in (url, str(tmp_path / "set")):
        guess = guess_of(place)
        sets.append(build(datasets[guess.key], {**guess.options, "damaged": "skip"}, where="dataset"))
    same(*sets)

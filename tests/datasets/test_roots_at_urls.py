"""A dataset whose root is a URL: the samples, pixels, masks and rows of the same folder on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.trees import TREES
from wsol.datasets.base import Dataset, datasets
from wsol.datasets.stores import file_systems
from wsol.datasets.stores.remote_path import RemotePath, path_at
from wsol.options import build
from wsol.settings.guess import guess_of

fsspec = pytest.importorskip("fsspec", reason="fsspec, the extra cloud, is not installed")
web = pytest.importorskip("tests.datasets.web")

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A failed request is tried again at once; the store in memory is empty."""
    monkeypatch.setattr(file_systems, "PAUSE", 0.001)
    yield
    fsspec.filesystem("memory").store.clear()


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

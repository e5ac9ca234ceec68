"""Files at URLs that are read in parts: tar archives of images, and what a server must be able to do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets.prepare.archives import tar
from tests.datasets.stored_images import FILES, NAMES, store
from wsol.datasets.formats.folder import Folder
from wsol.datasets.stores import file_systems, parts
from wsol.datasets.stores.remote_path import RemotePath, path_at
from wsol.datasets.tars import first_members, members_of
from wsol.errors import DataError

fsspec = pytest.importorskip("fsspec", reason="fsspec, the extra cloud, is not installed")
web = pytest.importorskip("tests.datasets.web")

pytestmark = pytest.mark.usefixtures("own_cache")
CONTENT = random.Random(0).randbytes(10_000)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files have many parts; the store in memory is empty."""
    monkeypatch.setattr(parts, "PART", 700)
    monkeypatch.setattr(parts, "BUFFER", 64)
    monkeypatch.setattr(file_systems, "PAUSE", 0.001)
    yield
    fsspec.filesystem("memory").store.clear()


def at(url: str) -> RemotePath:
    path = path_at(url, option="dataset.root", cache=None, cache_gb=1)
    assert isinstance(path, RemotePath)
    return path


def test_any_part_of_a_file_is_that_of_the_whole() -> None:
    fsspec.filesystem("memory").pipe_file("/bucket/file", CONTENT)
    draw = random.Random(1)
    with at("memory://bucket/file").open("rb") as file:
        for _ in range(300):
            start, length = draw.randrange(len(CONTENT) + 50), draw.randrange(3000)
            file.seek(start)
            assert file.read(length) == CONTENT[start : start + length]
        assert file.seek(-5, 2) == len(CONTENT) - 5
        assert (file.read(), file.tell()) == (CONTENT[-5:], len(CONTENT))


def test_a_part_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = type(fsspec.filesystem("memory"))
    fsspec.filesystem("memory").pipe_file("/bucket/file", CONTENT)
    fetched: list[tuple[int, int]] = []
    read = memory.cat_file
    monkeypatch.setattr(
        memory,
        "cat_file",
        lambda self, path, start, end: fetched.append((start, end)) or read(self, path, start=start, end=end),
    )
    for _ in range(2):
        with at("memory://bucket/file").open("rb") as file:
            assert file.read() == CONTENT
    assert fetched == [(start, min(start + 700, 10_000)) for start in range(0, 10_000, 700)]


def test_members_of_an_archive_are_those_of_the_local_one(tmp_path: Path) -> None:
    (tmp_path / "all.tar").write_bytes(tar(FILES))
    fsspec.filesystem("memory").pipe_file("/bucket/all.tar", tar(FILES))
    here, there = members_of(tmp_path / "all.tar"), members_of(at("memory://bucket/all.tar"))
    assert {name: (m.offset, m.size) for name, m in there.items()} == {n: (m.offset, m.size) for n, m in here.items()}
    assert first_members(at("memory://bucket/all.tar"), 2) == NAMES[:2]


@pytest.mark.parametrize("kind", ["archive", "folder of archives", "archive on a web server"])
def test_images_in_archives_at_a_url_are_those_of_the_folder(kind: str, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(content)
    table = tmp_path / "boxes.csv"
    table.write_text("\n".join(["image_id,label,x0,y0,x1,y1", *(f"{n},{i},1,1,9,9" for i, n in enumerate(NAMES))]))
    shards = {"0.tar": dict(list(FILES.items())[:3]), "1.tar": dict(list(FILES.items())[3:])}
    for name, files in shards.items():
        fsspec.filesystem("memory").pipe_file(f"/bucket/shards/{name}", tar(files))
    fsspec.filesystem("memory").pipe_file("/bucket/all.tar", tar(FILES))
    (tmp_path / "all.tar").write_bytes(tar(FILES))
    with web.served(tmp_path) as url:
        images = {
            "archive": "memory://bucket/all.tar",
            "folder of archives": "memory://bucket/shards/",
            "archive on a web server": f"{url}/all.tar",
        }[kind]
        plain = Folder(images=tmp_path / "images", annotations=table)
        other = Folder(images=images, annotations=table, cache=tmp_path / "copies")
        assert other.fingerprint() == plain.fingerprint()
        for one, two in zip(other.samples(), plain.samples(), strict=True):
            assert other.image(one).tobytes() == plain.image(two).tobytes()


def test_a_web_server_is_asked_once_how_large_an_archive_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all.tar").write_bytes(tar(FILES))
    with web.served(tmp_path) as url:
        images = store(f"{url}/all.tar", tmp_path)
        asked: list[str] = []
        monkeypatch.setattr(web.Quiet, "do_HEAD", lambda self: asked.append(self.path))
        assert [images.read(name) for name in NAMES] == [FILES[name] for name in NAMES]
    assert asked == []


def test_a_changed_archive_is_listed_anew() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/all.tar", tar({"1.png": b"one"}))
    assert [*members_of(at("memory://bucket/all.tar"))] == ["1.png"]
    memory.pipe_file("/bucket/all.tar", tar({"2.png": b"two"}))
    assert [*members_of(at("memory://bucket/all.tar"))] == ["2.png"]


def test_an_archive_that_is_cut_off_is_one_sentence() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/all.tar", tar(FILES)[:-1500])
    with pytest.raises(DataError, match=r"memory://bucket/all.tar can't be read"):
        members_of(at("memory://bucket/all.tar"))


def test_a_server_that_gives_no_parts_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all.tar").write_bytes(tar(FILES))
    monkeypatch.setattr(web.Quiet, "ranges", False)
    size = len(tar(FILES))
    with web.served(tmp_path) as url:
        place = f"{url}/all.tar"
        with pytest.raises(DataError, match=rf"{place} \(it has {size} bytes, and 700 were asked for"):
            store(place, tmp_path)

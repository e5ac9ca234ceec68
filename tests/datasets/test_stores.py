"""Images from a folder, from tar archives and from a URL: the same rows, and one sentence for what goes wrong."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.prepare.archives import drawn, tar, write
from tests.datasets.stored_images import FILES, NAMES, store
from tests.evaluation.small import made, ran, rows
from wsol.cli import main
from wsol.datasets.base import datasets
from wsol.datasets.contents import reading_all
from wsol.datasets.formats.folder import Folder
from wsol.datasets.stores import remote
from wsol.datasets.stores.cache import FileCache
from wsol.errors import DataError
from wsol.options import build

fsspec = pytest.importorskip("fsspec", reason="fsspec, the extra cloud, is not installed")


pytestmark = pytest.mark.usefixtures("own_cache", "memory_store")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join(["image_id,label,x0,y0,x1,y1", *(f"{n},{i},1,1,9,9" for i, n in enumerate(NAMES))]))
    return path


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """The same images in every kind of place."""
    folder = write(tmp_path / "folder", FILES)
    halves = [dict(list(FILES.items())[:3]), {f"./{name}": content for name, content in list(FILES.items())[3:]}]
    shards = write(tmp_path / "shards", {f"{n}.tar": tar(half) for n, half in enumerate(halves)})
    (tmp_path / "all.tar").write_bytes(tar(FILES))
    for name, content in FILES.items():
        fsspec.filesystem("memory").pipe_file(f"/bucket/set/{name}", content)
    return {
        "folder": str(folder),
        "tars": str(shards),
        "tar": str(tmp_path / "all.tar"),
        "memory": "memory://bucket/set",
        "file": f"file://{folder}",
    }


@pytest.mark.parametrize("kind", ["tars", "tar", "memory", "file"])
def test_samples_contents_and_pixels_are_those_of_the_folder(
    kind: str, places: dict[str, str], table: Path, tmp_path: Path
) -> None:
    plain = Folder(images=places["folder"], annotations=table)
    other = Folder(images=places[kind], annotations=table, cache=tmp_path / "copies")
    assert other.fingerprint() == plain.fingerprint()
    for one, two in zip(other.samples(), plain.samples(), strict=True):
        assert (one.image_id, one.size_wh, other.stamp(one)) == (two.image_id, two.size_wh, plain.stamp(two))
        assert other.image(one).tobytes() == plain.image(two).tobytes()


def test_rows_of_a_run_are_equal_wherever_the_images_are(places: dict[str, str], table: Path, tmp_path: Path) -> None:
    runs = set()

    def rows_from(kind: str) -> Any:
        words = (f"dataset.images={places[kind]}", f"dataset.annotations={table}", f"dataset.cache={tmp_path / 'c'}")
        run = made(
            "dataset=folder", *words, "model.weights=random", "method=[gradcam,inputedge]", "protocol=[choe2020_v1]"
        )
        runs.add(run.folder_name)
        return rows(ran(run, tmp_path / kind))

    expected = rows_from("folder")
    assert sum(len(t) for t in expected.values()) == 2 * len(NAMES)
    assert rows_from("tars") == expected
    assert rows_from("memory") == expected
    assert len(runs) == 1


def test_a_second_reader_fetches_nothing(
    places: dict[str, str], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = type(fsspec.filesystem("memory"))
    fetched: list[str] = []
    read = memory.cat_file
    monkeypatch.setattr(memory, "cat_file", lambda self, path, **more: fetched.append(path) or read(self, path, **more))
    for _ in range(2):
        data = Folder(images=places["memory"], annotations=table, cache=tmp_path / "copies")
        data.fingerprint()
        data.image(data.samples()[0])
        assert sorted(path.removeprefix("/bucket/set/") for path in fetched) == sorted(NAMES)


@pytest.mark.parametrize("kind", ["tar", "memory"])
def test_verify_believes_nothing_that_is_remembered(
    kind: str, places: dict[str, str], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsol.datasets.contents.SETTLED_NS", 0)

    def fingerprint() -> str:
        return Folder(images=places[kind], annotations=table, cache=tmp_path / "copies").fingerprint()

    right = fingerprint()
    with closing(sqlite3.connect(tmp_path / "wsol-cache" / "contents.sqlite")) as memory, memory:
        memory.execute("UPDATE contents SET digest = 'of old'")
    assert fingerprint() != right
    for copy in (tmp_path / "copies").rglob("*"):
        if copy.is_file():
            copy.write_bytes(bytes(copy.stat().st_size))  # as after a power failure
    with reading_all():
        assert fingerprint() == right
    assert fingerprint() == right


def test_a_changed_object_is_fetched_anew(places: dict[str, str], table: Path, tmp_path: Path) -> None:
    before = Folder(images=places["memory"], annotations=table, cache=tmp_path / "copies").fingerprint()
    fsspec.filesystem("memory").pipe_file("/bucket/set/4.png", FILES["5.png"])
    after = Folder(images=places["memory"], annotations=table, cache=tmp_path / "copies")
    assert after.fingerprint() != before
    assert after.content_of("4.png", {}) == FILES["5.png"]


def test_large_folders_are_listed_and_not_asked_for_file_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = fsspec.filesystem("memory")
    names = [f"{folder}{n}.png" for folder in ("", "a/") for n in range(remote.FEW + 1)]
    for name in names:
        system.pipe_file(f"/bucket/{name}", name.encode())
    monkeypatch.setattr(type(system), "info", None)
    place = store("memory://bucket/", tmp_path)
    place.check(names)
    assert [place.read(name) for name in names] == [name.encode() for name in names]
    with pytest.raises(DataError, match=r"1 of 103 images are missing under dataset.images=memory://bucket, first"):
        place.check([*names, "a/none.png"])


def test_a_forked_process_opens_its_own_connection(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, opened = store(places["memory"], tmp_path), []
    first = fsspec.core.url_to_fs
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url: opened.append(url) or first(url))
    place.read("4.png")
    assert opened == []
    with monkeypatch.context() as child:
        child.setattr("os.getpid", lambda: -1)
        assert [place.read(name) for name in ("4.png", "5.png")] == [FILES["4.png"], FILES["5.png"]]
    assert opened == ["memory://bucket/set"]


def failing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """The store in memory drops the connection, for one of the images `times` times."""
    memory = type(fsspec.filesystem("memory"))
    read, tries = memory.cat_file, []

    def cat_file(self: Any, path: str, **more: Any) -> bytes:
        if path.endswith("/5.png"):
            tries.append(path)
            if len(tries) <= times:
                raise ConnectionResetError("the connection was reset")
        return bytes(read(self, path, **more))

    monkeypatch.setattr(memory, "cat_file", cat_file)
    return tries


def test_a_network_error_is_tried_again(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = failing(monkeypatch, 2)
    assert store(places["memory"], tmp_path).read("5.png") == FILES["5.png"]
    assert len(tries) == 3


class WebServer:
    """The file system of fsspec for a web server that answers with a number, or not at all."""

    def __init__(self, answer: Exception) -> None:
        self.answer = answer

    def info(self, path: str) -> None:
        raise FileNotFoundError(path) from self.answer


def answered(status: int) -> Exception:
    error = Exception(f"{status}, message='no'")
    error.status = status  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (answered(404), "none of the 2 images is at dataset.images=https://host/set"),
        (answered(503), "dataset.images=https://host/set can't be listed: 503, message='no'; tried 3 times"),
        (OSError("no route"), "dataset.images=https://host/set can't be listed: no route; tried 3 times"),
    ],
)
def test_a_web_server_that_is_down_is_no_missing_file(answer: Exception, sentence: str, tmp_path: Path) -> None:
    url = "https://host/set"
    place = remote.RemoteStore(url, WebServer(answer), url, FileCache(tmp_path, 1))
    with pytest.raises(DataError, match=re.escape(sentence)):
        place.check(["0.png", "1.png"])


def test_half_a_file_is_fetched_again_and_not_kept(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = type(fsspec.filesystem("memory"))
    place = store(places["memory"], tmp_path)
    place.check(["5.png"])
    with monkeypatch.context() as network:
        network.setattr(memory, "cat_file", lambda self, path, **more: FILES["5.png"][:100])
        with pytest.raises(DataError, match=r"it has 100 bytes, and was listed with \d+; tried 3 times"):
            place.read("5.png")
    assert place.read("5.png") == FILES["5.png"]


def test_an_image_that_cannot_be_fetched_counts_as_damaged(
    places: dict[str, str], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 10**9)
    data = Folder(images=places["memory"], annotations=table, cache=tmp_path / "copies")
    reason = "the connection was reset; tried 3 times"
    sentence = f"image '5.png' can't be fetched: memory://bucket/set/5.png ({reason}); dataset.damaged=skip leaves"
    with pytest.raises(DataError, match=re.escape(sentence)):
        data.samples()
    data = Folder(images=places["memory"], annotations=table, cache=tmp_path / "copies", damaged="skip")
    assert len(data.samples()) == len(NAMES) - 1
    (note,) = data.notes()
    assert note.endswith(f"(dataset.damaged=skip), first '5.png' (not fetched: {reason}).")
    assert data.fingerprint()


@pytest.mark.parametrize("kind", ["folder", "tars", "memory"])
def test_missing_images_are_counted(kind: str, places: dict[str, str], table: Path) -> None:
    table.write_text(table.read_text() + "\nbirds/9.png,1,1,1,9,9")
    with pytest.raises(DataError, match=r"1 of 7 images are missing under dataset.images=.*first 'birds/9.png'"):
        Folder(images=places[kind], annotations=table).samples()


@pytest.mark.parametrize("kind", ["tars", "memory", "file"])
@pytest.mark.parametrize("outside", [True, False])
def test_no_name_leads_out_of_its_place(
    kind: str, outside: bool, places: dict[str, str], table: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.png").write_bytes(drawn(9, "PNG"))
    fsspec.filesystem("memory").pipe_file("/bucket/secret.png", drawn(9, "PNG"))
    table.write_text("image_id,label,x0,y0,x1,y1\n../secret.png,0,1,1,9,9")
    with pytest.raises(DataError, match=r"leads out of|are missing"):
        Folder(images=places[kind], annotations=table, outside=outside).samples()


def test_a_folder_of_images_with_an_archive_beside_them_stays_a_folder(places: dict[str, str], tmp_path: Path) -> None:
    (Path(places["folder"]) / "0.tar").write_bytes(tar({"5.png": FILES["4.png"]}))
    assert store(places["folder"], tmp_path).read("5.png") == FILES["5.png"]


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ("s4://bucket/set", "no URL scheme for dataset.images: 's4://'; nearest: 's3://'"),
        (
            "memory://nowhere",
            "none of the 6 images is at dataset.images=memory://nowhere, first '4.png'; is there such a bucket",
        ),
    ],
)
def test_a_wrong_url_is_one_sentence_of_the_command_line(
    images: str, sentence: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dataset=folder", f"dataset.images={images}", f"dataset.annotations={table}", "model.weights=random"]
    assert main(["run", *words, "--dry"]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert re.search(sentence, error)


def test_a_package_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "get_filesystem_class", absent)
    with pytest.raises(DataError, match=r"dataset.images=s3://b/x needs another package: Install s3fs to access S3"):
        store("s3://b/x", tmp_path)


def test_options_on_the_command_line_are_urls_and_paths(table: Path, tmp_path: Path) -> None:
    plain = {"images": "memory://bucket/set", "annotations": str(table), "cache": str(tmp_path), "cache_gb": 0.5}
    data: Any = build(datasets["folder"], plain, where="dataset")
    assert (data.images, data.cache, data.cache_gb) == ("memory://bucket/set", tmp_path, 0.5)

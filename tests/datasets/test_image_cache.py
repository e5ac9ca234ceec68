"""The local copies of remote images: within their limit, the least recently used leave first, never half there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from wsol.datasets.stores.cache import GB, FileCache

SIZE = 1000


def content_of(key: int) -> bytes:
    return bytes([key % 251]) * SIZE


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in kept(folder))


def never() -> bytes:
    raise AssertionError("it was kept")


def test_what_was_not_used_for_longest_leaves_when_the_limit_is_passed(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10 * SIZE / GB)
    for key in range(10):
        cache.get(str(key), lambda key=key: content_of(key))
    for age, path in enumerate(sorted(kept(tmp_path), key=lambda path: path.read_bytes()[0])):
        os.utime(path, (1000 + age, 1000 + age))  # clocks of files may be too coarse for this test's speed
    assert cache.get("0", never) == content_of(0)  # used now
    cache.get("10", lambda: content_of(10))
    assert sorted(path.read_bytes()[0] for path in kept(tmp_path)) == [0, *range(3, 11)]


def test_the_limit_holds_after_each_file(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 7.5 * SIZE / GB)
    draw = random.Random(0)
    for _ in range(300):
        key = draw.randrange(30)
        assert cache.get(str(key), lambda key=key: content_of(key)) == content_of(key)
        assert total(tmp_path) <= 7.5 * SIZE


def test_files_of_others_stay_and_half_written_ones_of_the_dead_leave(tmp_path: Path) -> None:
    mine, dead = tmp_path / "ab" / "thesis.tex", tmp_path / "cd" / f"{'0' * 64}.17-23.part"
    for age, path in enumerate((mine, dead)):
        path.parent.mkdir()
        path.write_bytes(content_of(1) * 20)
        os.utime(path, (age, age))
    FileCache(tmp_path, 10 * SIZE / GB).get("1", lambda: content_of(1))
    assert mine.is_file()
    assert not dead.exists()


@pytest.mark.parametrize("gb", [0, 0.5 * SIZE / GB])
def test_what_does_not_fit_is_not_kept(gb: float, tmp_path: Path) -> None:
    cache = FileCache(tmp_path, gb)
    assert cache.get("1", lambda: content_of(1)) == content_of(1)
    assert kept(tmp_path) == []


def test_a_copy_of_another_size_is_made_anew(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1)
    cache.get("1", lambda: content_of(1), size=SIZE)
    (path,) = kept(tmp_path)
    path.write_bytes(b"")  # as after a power failure
    assert cache.get("1", lambda: content_of(1), size=SIZE) == content_of(1)
    assert path.read_bytes() == content_of(1)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_where_nothing_can_be_kept_nothing_fails(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert FileCache(tmp_path / place, 1).get("1", lambda: content_of(1)) == content_of(1)


def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails() -> bytes:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        FileCache(tmp_path, 1).get("1", fails)
    assert kept(tmp_path) == []


READER = """
import random, sys
from pathlib import Path
from tests.datasets.test_image_cache import SIZE, content_of
from wsol.datasets.stores.cache import GB, FileCache
cache = FileCache(Path(sys.argv[1]), 20 * SIZE / GB)
draw = random.Random(int(sys.argv[2]))
for _ in range(1500):
    key = draw.randrange(40)
    assert cache.get(str(key), lambda: content_of(key)) == content_of(key)
"""


def test_processes_share_a_folder_and_none_sees_half_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    readers = [subprocess.Popen([sys.executable, "-c", READER, str(folder), str(seed)]) for seed in range(2)]
    assert [reader.wait(60) for reader in readers] == [0, 0]
    assert 0 < total(folder) <= 2 * 20 * SIZE
    assert not list(folder.rglob("*.part"))
    FileCache(folder, 20 * SIZE / GB).get("new", lambda: content_of(41))
    assert total(folder) <= 20 * SIZE

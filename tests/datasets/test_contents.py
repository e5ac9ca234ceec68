"""What is remembered of files, and when they are read again."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from wsol.datasets import contents
from wsol.datasets.contents import ABSENT, content_digest, content_digests, key_of, reading_all


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The files that are read from now on; the memory is empty, and every file old enough to be remembered."""
    files: list[Path] = []
    original = contents._read

    def counted(path: Path) -> str:
        files.append(path)
        return original(path)

    monkeypatch.setattr(contents, "_read", counted)
    monkeypatch.setattr(contents, "SETTLED_NS", -(10**9))
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    return files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "a.bin"
    made.write_bytes(b"old")
    return made


def test_a_file_is_read_once(file: Path, read: list[Path]) -> None:
    assert content_digests([file]) == content_digests([file]) == [content_digest(b"old")]
    assert read == [file]


@pytest.mark.parametrize("way", ["in place", "replaced", "times put back"])
def test_a_file_that_changed_in_any_way_is_read_again(way: str, file: Path, read: list[Path]) -> None:
    content_digests([file])
    times = file.stat()
    if way == "replaced":
        other = file.with_name("other")
        other.write_bytes(b"new")
        other.replace(file)
    else:
        file.write_bytes(b"new")
    if way != "in place":
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert content_digests([file]) == [content_digest(b"new")]
    assert len(read) == 2


def test_the_state_of_a_file_names_its_device(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, stat = key_of(file), Path.stat

    class Elsewhere:
        def __init__(self, known: os.stat_result) -> None:
            self.known, self.st_dev = known, known.st_dev + 1

        def __getattr__(self, name: str) -> Any:
            return getattr(self.known, name)

    monkeypatch.setattr(Path, "stat", lambda path, **options: Elsewhere(stat(path, **options)))
    assert key_of(file) != before


def test_what_changed_without_a_trace_is_found_where_all_is_read(
    file: Path, read: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a file system that keeps neither inodes nor times: what is remembered is of another content."""
    content_digests([file])
    with sqlite3.connect(tmp_path / "cache" / "contents.sqlite") as table:
        table.execute("UPDATE contents SET digest = 'another'")
    table.close()
    assert content_digests([file]) == ["another"]
    with caplog.at_level(logging.INFO, "wsol"), reading_all():
        assert content_digests([file]) == [content_digest(b"old")]
    assert "reading 1 files once" in caplog.text
    assert "1 of 1 files differ from when they were first read" in caplog.text
    assert str(file) in caplog.text
    assert content_digests([file]) == [content_digest(b"old")]
    assert len(read) == 2


def test_a_file_that_could_not_be_read_is_not_remembered_as_absent(
    file: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(contents, "_read", lambda path: ABSENT)
        assert content_digests([file]) == [ABSENT]
    assert content_digests([file]) == [content_digest(b"old")]

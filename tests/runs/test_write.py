"""A file is written beside its place: what goes wrong on the way leaves what was there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wsol.errors import OutputError
from wsol.runs.write import write_text, write_whole


def full(file: Path) -> None:
    file.write_text("half of")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text("the old one")
    with pytest.raises(OutputError, match=r"can't write .*page\.html: No space left on device; use another"):
        write_whole(place, full, otherwise="use another")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("page.html", "the old one")]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "rows.csv").write_text("old")
    link, dangling = tmp_path / "link.csv", tmp_path / "dangling.csv"
    link.symlink_to("far/rows.csv")
    dangling.symlink_to("far/not/yet.csv")
    for place in (link, dangling):
        write_text(place, "new")
        assert place.is_symlink()
        assert place.read_text() == "new"
    assert (tmp_path / "far" / "rows.csv").read_text() == "new"


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        write_text(tmp_path, "text")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't write"):
        write_text(tmp_path / "file" / "page.html", "text")


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    write_text(tmp_path / ("a" * 250 + ".html"), "text")
    with pytest.raises(OutputError, match="File name too long"):
        write_text(tmp_path / ("a" * 300 + ".html"), "text")


def test_a_pipe_is_written_to_where_somebody_reads_it_and_refused_elsewhere(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match=r"can't write .*pipe: it is a pipe that nobody reads; use another"):
        write_text(pipe, "text", otherwise="use another")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_devices_stay_devices() -> None:
    write_text(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OutputError, match="can't write /dev/full: No space left on device"):
        write_text(Path("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()

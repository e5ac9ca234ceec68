"""Killed at any moment, the same command has what is left; what stands in the destination is never overwritten."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.datasets.prepare.archives import drawn, tar, tree, write, zipped
from tests.datasets.prepare.conftest import DRAWN, FILES, PLACED, Prepare
from wsol.datasets.prepare import _plan
from wsol.datasets.prepare._plan import WORKING, plan
from wsol.datasets.prepare._write import _working_folder, carry_out
from wsol.errors import DataError, OutputError

ROOT = Path(__file__).resolve().parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.datasets.prepare.conftest import DRAWN
from wsol.datasets.prepare import _plan, _write

moment, source, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
write, left = _write._write, [3]

def third(content, entry, place, beside, *, of):
    left[0] -= 1
    if left[0]:
        return write(content, entry, place, beside, of=of)
    if moment == "half written":
        beside.write_bytes(next(iter(content))[:9])
        kill()
    Path.replace = lambda *names: kill()
    write(content, entry, place, beside, of=of)

_write._write = third
_write.carry_out(_plan.plan(DRAWN, source, folder))
"""
MOMENTS = ["half written", pytest.param("written, not moved", marks=pytest.mark.full)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", ["a.tgz", pytest.param("a.zip", marks=pytest.mark.full)])
def test_a_killed_command_leaves_whole_files_and_resumes(
    name: str, moment: str, tmp_path: Path, prepare: Prepare
) -> None:
    content = zipped(FILES) if name == "a.zip" else tar(FILES, "w:gz")
    source, folder = write(tmp_path / "src", {name: content}), tmp_path / "dst"
    words = [sys.executable, "-c", KILLED, moment, str(source), str(folder)]
    done = subprocess.run(words, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "WSOL_CACHE": str(tmp_path)}, check=False)
    assert done.returncode == -signal.SIGKILL
    left = {path: content for path, content in tree(folder).items() if not path.startswith(WORKING)}
    assert len(left) == 2
    assert left.items() < PLACED.items()
    assert (folder / WORKING / "file").exists()
    assert sum(part.written for part in prepare(source)) == len(PLACED) - 2
    assert tree(folder) == PLACED
    assert tree(source) == {name: content}


def test_a_second_time_nothing_is_written(tmp_path: Path, prepare: Prepare) -> None:
    source = write(tmp_path / "src", {"a.tar": tar(FILES)})
    prepare(source)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "dst").rglob("*")}
    assert [part.written for part in prepare(source)] == [0, 0]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "dst").rglob("*")} == before


def test_what_is_missing_is_counted_and_comes_from_another_archive_later(tmp_path: Path, prepare: Prepare) -> None:
    first = write(tmp_path / "first", {"a.tar": tar({f"images/{n}.jpg": drawn(n) for n in range(4)})})
    assert [(part.files, part.expected, part.missing) for part in prepare(first)] == [(4, 5, 1), (0, 1, 1)]
    second = write(tmp_path / "second", {"b.zip": zipped({"images/4.jpg": drawn(4), "list.txt": b"five\n"})})
    assert [(part.files, part.written, part.missing) for part in prepare(second)] == [(5, 1, 0), (1, 1, 0)]


def test_a_file_of_another_size_in_its_place_is_left_as_it_is(tmp_path: Path, prepare: Prepare) -> None:
    mine = write(tmp_path / "dst", {"images/0.jpg": b"mine"})
    with pytest.raises(OutputError, match=r"images/0.jpg has 4 bytes, and the file that belongs there has \d+; remove"):
        prepare(write(tmp_path / "src", {"a.tar": tar(FILES)}))
    assert tree(mine) == {"images/0.jpg": b"mine"}


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path, prepare: Prepare) -> None:
    (tmp_path / "dst/images/0.jpg").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"images/0.jpg is not a file, and a file of \d+ bytes belongs there"):
        prepare(write(tmp_path / "src", {"a.tar": tar(FILES)}))


def test_a_disk_without_room_is_noticed_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Prepare
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6 - 9000, 9000))
    with pytest.raises(OutputError, match=r"dst needs \d+\.\d kB for 6 files, and its disk has 8\.8 kB free"):
        prepare(write(tmp_path / "src", {"a.tar": tar(FILES)}))
    assert tree(tmp_path / "dst") == {}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, prepare: Prepare) -> None:
    write(tmp_path / "dst", {"lists": b"a file where a folder belongs"})
    with pytest.raises(OutputError, match=r"can't be written: File exists; the same command resumes"):
        prepare(write(tmp_path / "src", {"a.tar": tar(FILES)}))


def test_two_commands_for_one_folder_do_not_write_at_once(tmp_path: Path, prepare: Prepare) -> None:
    (tmp_path / "dst").mkdir()
    with (
        _working_folder(tmp_path / "dst"),
        pytest.raises(OutputError, match=r"another process prepares .*; wait until it is done"),
    ):
        prepare(write(tmp_path / "src", {"a.tar": tar(FILES)}))


def test_an_archive_is_read_once_and_anew_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    source, reads = write(tmp_path, {"a.tar": tar(FILES)}) / "a.tar", []
    read = _plan._read
    monkeypatch.setattr(_plan, "_read", lambda *words: (reads.append(1), read(*words))[1])
    plans: Sequence[_plan.Plan] = [plan(DRAWN, source, tmp_path / "dst") for _ in range(2)]
    assert plans[0] == plans[1]
    assert len(reads) == 1
    source.write_bytes(tar({**FILES, "list.txt": b"another list\n"}))
    assert plan(DRAWN, source, tmp_path / "dst").size > plans[0].size
    assert len(reads) == 2


def test_an_archive_that_changes_between_reading_and_writing_is_noticed(tmp_path: Path) -> None:
    source = write(tmp_path, {"a.tar": tar(FILES)}) / "a.tar"
    planned = plan(DRAWN, source, tmp_path / "dst")
    source.write_bytes(tar({"images/0.jpg": drawn(0)}))
    with pytest.raises(DataError, match=r"a.tar was changed while it was read: images/1.jpg is no longer in it"):
        carry_out(planned)

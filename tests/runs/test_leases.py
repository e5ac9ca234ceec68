"""A shard has one worker at a time, whoever else asks; what a worker that is gone held goes to others."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from wsol.runs import leases
from wsol.runs.leases import WORK, Worker, latest_leases, presences
from wsol.runs.sweep import sweep


def left_by(run: Path, pid: int, *, machine: str | None = None, age: float = 0.0, shard: int = 7) -> str:
    """What a worker leaves that ended without a word: its own file and a lease."""
    worker = Worker(run)
    worker.me = replace(worker.me, pid=pid, machine=machine or worker.me.machine)
    worker.folder.mkdir(parents=True, exist_ok=True)
    file = worker.folder / f"worker-{worker.me.id}.json"
    file.write_text(json.dumps(asdict(worker.me)))
    then = file.stat().st_mtime - age
    os.utime(file, (then, then))
    number, _ = latest_leases(worker.folder).get(shard, (0, None))
    (worker.folder / f"shard-{shard:05d}.{number + 1}.json").write_text(json.dumps({"worker": worker.me.id}))
    return worker.me.id


@pytest.fixture
def dead() -> int:
    """A process id of nobody."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_one_of_two_workers_gets_a_shard(tmp_path: Path) -> None:
    with Worker(tmp_path) as first, Worker(tmp_path) as second:
        assert first.acquire(7)
        assert first.acquire(7)
        assert not second.acquire(7)
        assert second.acquire(8)
        first.release(7)
        assert second.acquire(7)
        assert second.held == {7, 8}
        assert {one.id for one in first.others()} == {second.me.id}
    assert not (tmp_path / WORK).exists()


def test_one_look_shows_what_all_others_hold(tmp_path: Path, dead: int) -> None:
    left_by(tmp_path, dead, shard=3)
    with Worker(tmp_path) as first, Worker(tmp_path) as second, Worker(tmp_path) as third:
        assert all([first.acquire(7), second.acquire(8), second.acquire(9)])
        (tmp_path / WORK / "shard-00005.1.json").write_text("{")
        assert [one.taken() for one in (first, second, third)] == [{8, 9}, {7}, {7, 8, 9}]


def test_one_of_many_threads_gets_each_shard(tmp_path: Path) -> None:
    workers, won, start = [Worker(tmp_path) for _ in range(8)], [], threading.Barrier(8)

    def run(worker: Worker) -> None:
        start.wait()
        won.extend(index for index in range(20) if worker.acquire(index))

    for worker in workers:
        worker.beat()
    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(20))


def test_a_dead_workers_shard_goes_to_one_other_at_once(tmp_path: Path, dead: int) -> None:
    left_by(tmp_path, dead)
    with Worker(tmp_path) as first, Worker(tmp_path) as second:
        assert [first.acquire(7), second.acquire(7)] == [True, False]
        assert latest_leases(tmp_path / WORK)[7][0] == 2


def test_another_machines_worker_is_waited_for_until_its_lease_ends(tmp_path: Path, dead: int) -> None:
    left_by(tmp_path, dead, machine="other", age=leases.LEASE_SECONDS - 30, shard=1)
    left_by(tmp_path, dead, machine="other", age=leases.LEASE_SECONDS + 1, shard=2)
    left_by(tmp_path, os.getpid(), age=leases.LEASE_SECONDS + 1, shard=3)  # stopped, as by SIGSTOP
    with Worker(tmp_path) as worker:
        assert [worker.acquire(index) for index in (1, 2, 3)] == [False, True, True]


def test_a_stopped_worker_that_wakes_up_takes_no_shard_from_the_one_that_has_it(tmp_path: Path) -> None:
    late = Worker(tmp_path)
    late.beat()
    assert late.acquire(7)
    with Worker(tmp_path) as other:
        file = late._file
        os.utime(file, (0, 0))
        assert other.acquire(7)
        late.beat()
        late.release(7)  # its own lease alone
        assert latest_leases(tmp_path / WORK)[7][0] == 2
        assert not late.acquire(7)


def test_a_shard_that_kills_its_workers_is_left_alone(tmp_path: Path, dead: int) -> None:
    for _ in range(leases.MOST_DEATHS):
        left_by(tmp_path, dead)
    with Worker(tmp_path) as worker:
        assert worker.is_deadly(7)
        assert not worker.acquire(7)
        sweep(tmp_path, worker.is_alive)  # by the next command
        assert not worker.is_deadly(7)
        assert worker.acquire(7)
        assert len(presences(tmp_path / WORK)) == 1


def test_a_damaged_lease_is_nobodys(tmp_path: Path) -> None:
    with Worker(tmp_path) as worker:
        (tmp_path / WORK / "shard-00007.1.json").write_text("{")
        (tmp_path / WORK / "worker-other.json").write_text("[]")
        assert worker.acquire(7)
        assert worker.others() == []


def test_leases_need_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with Worker(tmp_path) as first, Worker(tmp_path) as second:
        assert [first.acquire(7), second.acquire(7)] == [True, False]


def test_a_workers_file_shows_what_it_does(tmp_path: Path) -> None:
    with Worker(tmp_path) as worker:
        worker.acquire(3)
        worker.computed(16)
        worker.beat()
        (one,) = presences(tmp_path / WORK)
        assert (one.images, one.shards, one.pid) == (16, (3,), os.getpid())


def test_a_deleted_folder_costs_a_worker_its_leases_and_no_error(tmp_path: Path) -> None:
    import shutil

    run = tmp_path / "run"
    with Worker(run) as worker:
        assert worker.acquire(1)
        shutil.rmtree(run)
        worker.beat()
        worker.release(1)
        assert worker.acquire(1)

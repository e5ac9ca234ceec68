"""Batches go through three stages side by side: in order, a few at a time, and errors come out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from wsol.evaluation.pipeline import AHEAD, Pipeline
from wsol.evaluation.profile import Profile

IMAGES, PARTS = 3, 2  # of each batch


class Stages:
    """Batches are numbers; a batch's result is its number and all that was loaded and scored for it.

    Parameters
    ----------
    broken : the stage that raises, and for which batch.
    delay : seconds of a load or score, by batch.
    """

    def __init__(
        self,
        *,
        broken: tuple[str, int] | None = None,
        delay: Callable[[str, int], float] = lambda stage, item: 0.0,
        quiet: Callable[[int], bool] = lambda item: False,
        hold: threading.Event | None = None,
    ) -> None:
        self.broken, self.delay, self.quiet, self.hold = broken, delay, quiet, hold
        self.taken = 0
        self.lock = threading.Lock()
        self.active = 0  # loads and scores that run now
        self.log: list[tuple[str, int]] = []
        self.threads: dict[str, set[str]] = {"load": set(), "compute": set(), "score": set()}

    def pipeline(self, threads: int = 2, *, take_turns: bool = False) -> Pipeline[int, Any, Any, Any]:
        return Pipeline(
            load=lambda item: [self.step("load", item, n) for n in range(IMAGES)],
            compute=self.compute,
            without=self.without,
            quiet=lambda item, pieces: self.quiet(item),
            threads=threads,
            take_turns=take_turns,
            profile=Profile(),
        )

    def items(self, count: int) -> Iterator[int]:
        for item in range(count):
            self.taken += 1
            yield item

    def step(self, stage: str, item: int, n: int) -> Callable[[], tuple[str, int, int]]:
        def run() -> tuple[str, int, int]:
            self.threads[stage].add(threading.current_thread().name)
            if stage == "score" and self.hold is not None:
                assert self.hold.wait(30)
            with self.lock:
                self.active += 1
            time.sleep(self.delay(stage, item))
            self.check(stage, item)
            self.log.append((stage, item))
            with self.lock:
                self.active -= 1
            return stage, item, n

        return run

    def check(self, stage: str, item: int) -> None:
        if self.broken == (stage, item):
            raise OSError(f"{stage} of batch {item}")

    def without(self, item: int, lost: Mapping[int, Exception]) -> int:
        raise next(iter(lost.values()))

    def compute(self, item: int, pieces: list[Any]) -> Any:
        self.threads["compute"].add(threading.current_thread().name)
        self.check("compute", item)
        self.log.append(("compute", item))

        def join(parts: list[Any]) -> tuple[int, list[Any], list[Any]]:
            self.check("join", item)
            return item, pieces, parts

        return [self.step("score", item, n) for n in range(PARTS)], join

    def count(self, stage: str) -> int:
        return sum(one == stage for one, _ in self.log)


def whole(item: int) -> tuple[int, list[Any], list[Any]]:
    loaded = [("load", item, n) for n in range(IMAGES)]
    return item, loaded, [("score", item, n) for n in range(PARTS)]


@pytest.mark.parametrize("take_turns", [False, True])
@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_order_whatever_takes_long(threads: int, take_turns: bool) -> None:
    delays = np.random.default_rng(0).uniform(0, 0.01, (2, 20))
    stages = Stages(delay=lambda stage, item: delays[int(stage == "score"), item])
    results = stages.pipeline(threads, take_turns=take_turns).run(stages.items(20))
    assert list(results) == [whole(item) for item in range(20)]


def test_the_network_runs_in_the_callers_thread_and_the_rest_beside_it() -> None:
    stages = Stages(delay=lambda stage, item: 0.001)
    list(stages.pipeline(threads=3).run(stages.items(10)))
    assert stages.threads["compute"] == {threading.current_thread().name}
    for stage in ("load", "score"):
        assert 1 < len(stages.threads[stage]) <= 3
        assert all(name.startswith(stage) for name in stages.threads[stage])


def test_no_batches_and_batches_without_work_are_no_trouble() -> None:
    assert list(Stages().pipeline().run(iter(()))) == []
    idle: Pipeline[int, Any, Any, int] = Pipeline(
        load=lambda item: [],
        compute=lambda item, pieces: ([], lambda parts: item),
        without=lambda item, lost: item,
        quiet=lambda item, pieces: False,
        threads=1,
        take_turns=False,
        profile=Profile(),
    )
    assert list(idle.run(iter(range(9)))) == list(range(9))


@pytest.mark.parametrize("take_turns", [False, True])
@pytest.mark.parametrize("stage", ["load", "compute", "score", "join"])
def test_an_error_comes_out_behind_the_results_before_it(stage: str, take_turns: bool) -> None:
    stages, found = Stages(broken=(stage, 5)), []
    with pytest.raises(OSError, match=f"{stage} of batch 5"):
        found.extend(stages.pipeline(take_turns=take_turns).run(stages.items(50)))
    assert found == [whole(item) for item in range(len(found))]
    assert len(found) <= 5
    assert stages.taken <= 5 + 2 * (AHEAD + 1)
    assert not running()


def test_images_are_loaded_a_few_batches_ahead_and_no_more() -> None:
    stages, taken = Stages(), []
    plain = stages.compute

    def compute(item: int, pieces: list[Any]) -> Any:
        taken.append(stages.taken - item - 1)  # beyond the one in hand
        return plain(item, pieces)

    stages.compute = compute  # type: ignore[method-assign]
    list(stages.pipeline().run(stages.items(10)))
    assert taken == [AHEAD] * (10 - AHEAD) + [*range(AHEAD)][::-1]


def test_nothing_runs_beside_a_network_that_takes_its_turn() -> None:
    stages, beside = Stages(delay=lambda stage, item: 0.002), []
    plain = stages.compute

    def compute(item: int, pieces: list[Any]) -> Any:
        time.sleep(0.005)
        beside.append((stages.taken - item - 1, stages.active, stages.count("score") - PARTS * item))
        return plain(item, pieces)

    stages.compute = compute  # type: ignore[method-assign]
    assert list(stages.pipeline(1, take_turns=True).run(stages.items(8))) == [whole(item) for item in range(8)]
    assert beside == [(0, 0, 0)] * 8


def test_the_network_waits_where_scores_fall_behind() -> None:
    hold = threading.Event()
    stages, found = Stages(hold=hold), []
    runner = threading.Thread(target=lambda: found.extend(stages.pipeline().run(stages.items(12))))
    runner.start()
    until(lambda: stages.count("compute") == AHEAD + 1)
    time.sleep(0.1)
    assert stages.count("compute") == AHEAD + 1
    assert found == []
    hold.set()
    runner.join(30)
    assert found == [whole(item) for item in range(12)]


def test_the_network_does_not_wait_for_scores_that_are_not_behind() -> None:
    """With one batch scored at a time as slow as the network, both run at once."""
    stages = Stages(delay=lambda stage, item: 0.02 if stage == "score" else 0.0)
    list(stages.pipeline(threads=PARTS).run(stages.items(6)))
    order = [step for step in stages.log if step[0] != "load"]
    assert order.index(("compute", 1)) < order.index(("score", 0))


def test_a_quiet_batch_waits_until_everything_before_it_is_scored() -> None:
    waiting: dict[int, int] = {}
    stages = Stages(quiet=lambda item: item in (0, 3, 4), delay=lambda stage, item: 0.005 * (stage == "score"))
    plain = stages.compute

    def compute(item: int, pieces: list[Any]) -> Any:
        waiting[item] = PARTS * item - stages.count("score")
        return plain(item, pieces)

    stages.compute = compute  # type: ignore[method-assign]
    assert list(stages.pipeline().run(stages.items(8))) == [whole(item) for item in range(8)]
    assert [waiting[item] for item in (0, 3, 4)] == [0, 0, 0]
    assert waiting[1] > 0  # the others don't


def test_a_run_that_is_left_early_ends_its_threads() -> None:
    stages = Stages(delay=lambda stage, item: 0.005)
    results = stages.pipeline().run(stages.items(100))
    assert next(results) == whole(0)
    results.close()  # type: ignore[attr-defined]
    done = len(stages.log)
    assert stages.taken <= 1 + 2 * (AHEAD + 1)
    assert not running()
    time.sleep(0.05)
    assert len(stages.log) == done


def running() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(("load_", "score_"))]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)

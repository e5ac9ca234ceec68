"""Maps scored by other processes have the same rows; what those can't do, and their deaths, cost nothing."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.small import checksums, made, ran
from wsol.errors import MapError
from wsol.evaluation import scoring_processes
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.scoring import score
from wsol.evaluation.scoring_processes import ScoringProcesses, scorer_of
from wsol.localization.component_rules import component_rules
from wsol.localization.records import ImageMap
from wsol.protocols._base import named
from wsol.views import view_named

PROTOCOLS = [named("choe2020_v1"), named("choe2020_v2"), named("exact")]


def drawn(count: int, seed: int = 0) -> list[list[ImageMap]]:
    rng = np.random.default_rng(seed)
    layout = view_named("squash", 224).layout((300, 200))
    boxes = np.array([[20.0, 30.0, 200.0, 150.0]])
    return [[ImageMap(raw=rng.random((7, 7)), layout=layout, boxes_xyxy=boxes)] for _ in range(count)]


@pytest.fixture
def processes() -> Iterator[ScoringProcesses]:
    some = ScoringProcesses(2, at_first=0.0)
    started(some)
    yield some
    some.close()


def started(processes: ScoringProcesses) -> None:
    """Wait until all of them have started; until then maps are scored by those who ask."""
    while len(processes._free) < processes._most:
        if taken := processes._taken():
            processes._free.append(taken)
        time.sleep(0.01)


def same(one: Any, other: Any) -> bool:
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and np.array_equal(one, other))
    return bool(one == other)


def test_answers_are_those_of_score_from_several_threads(processes: ScoringProcesses) -> None:
    requests = [drawn(3, seed) for seed in range(6)]
    requests[1][1:] = [[*requests[1][1], *requests[1][2]]]  # the best of two maps counts
    requests[2][0] = [dataclasses.replace(requests[2][0][0], raw=np.full((7, 7), np.nan))]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda one: processes(one, [1] if len(one) == 2 else [], PROTOCOLS), requests))
    assert len(processes._started) == 2
    for one, answer in zip(requests, found, strict=True):
        assert same(answer, score(one, [1] if len(one) == 2 else [], PROTOCOLS))


def test_a_process_that_was_killed_costs_nothing(processes: ScoringProcesses, caplog: pytest.LogCaptureFixture) -> None:
    expected = score(drawn(2), [], PROTOCOLS)
    assert same(processes(drawn(2), [], PROTOCOLS), expected)
    os.kill(processes._free[-1]._process.pid, signal.SIGKILL)
    assert same(processes(drawn(2), [], PROTOCOLS), expected)
    assert "a process that scored maps has ended (exit code -9)" in caplog.text
    assert same(processes(drawn(2), [], PROTOCOLS), expected)  # by the second process


def test_a_rule_of_a_plug_in_is_scored_here(processes: ScoringProcesses, caplog: pytest.LogCaptureFixture) -> None:
    rule = component_rules["largest_pixels"]
    component_rules.put("of_a_test", rule)
    try:
        own = dataclasses.replace(PROTOCOLS[0], name="own", component="of_a_test")
        assert same(processes(drawn(2), [], [own]), score(drawn(2), [], [own]))
        assert "own: scored in threads" in caplog.text
        caplog.clear()
        assert same(processes(drawn(2), [], [own]), score(drawn(2), [], [own]))
        assert not caplog.text
    finally:
        component_rules._rules.pop("of_a_test")


def test_what_cannot_be_sent_is_scored_here(processes: ScoringProcesses, caplog: pytest.LogCaptureFixture) -> None:
    class Own(np.ndarray):  # of a function, and so nothing that another process could import
        pass

    some = [[dataclasses.replace(one[0], raw=one[0].raw.view(Own))] for one in drawn(2)]
    assert same(processes(some, [], PROTOCOLS), score(some, [], PROTOCOLS))
    assert "scored in threads" in caplog.text
    assert len(processes._free) == 2


def test_an_error_of_a_map_is_raised_as_it_is(processes: ScoringProcesses) -> None:
    no_map = [[dataclasses.replace(drawn(1)[0][0], raw=np.zeros((2, 7, 7)))]]
    with pytest.raises(MapError):
        processes(no_map, [], PROTOCOLS)
    assert not processes._unknown


def without_network(*words: str) -> Experiment:
    """A run of the controls alone, which look at no image."""
    plain = made("dataset.n=6", "method=[centergauss,fullbox]", "protocol=[choe2020_v1,exact]", *words)
    return dataclasses.replace(plain, classifier=None)


def test_a_run_has_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ran(without_network(), tmp_path / "plain")
    asked: list[int] = []
    ask, taken = scoring_processes._Process.ask, ScoringProcesses._taken

    def waiting(self: ScoringProcesses) -> Any:
        monkeypatch.setattr(ScoringProcesses, "_taken", taken)
        started(self)
        return taken(self)

    monkeypatch.setattr(scoring_processes, "AT_FIRST", 0.0)
    monkeypatch.setattr(ScoringProcesses, "_taken", waiting)
    monkeypatch.setattr(scoring_processes._Process, "ask", lambda *given: asked.append(1) or ask(*given))
    other = ran(without_network("engine.threads=4"), tmp_path / "other")
    assert asked
    assert checksums(other) == checksums(plain)


def test_few_threads_and_networks_on_the_cpu_have_none() -> None:
    for experiment in (without_network("engine.threads=2"), made("dataset.n=2", "engine.threads=8")):
        with scorer_of(experiment) as scorer:
            assert scorer is score

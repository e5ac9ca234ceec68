"""Where the time of a run went: stages that sum to the whole."""

from __future__ import annotations

import contextlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from wsol.cli import main
from wsol.evaluation import profile as room
from wsol.evaluation.profile import Profile


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by hand."""
    now = [100.0]
    monkeypatch.setattr(room, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def seconds(profile: Profile) -> dict[str, float]:
    return {line["stage"]: float(line["seconds"]) for line in profile.table()}


def test_each_second_counts_for_the_innermost_stage(clock: list[float]) -> None:
    profile = Profile()
    clock[0] += 1  # before any stage
    with profile.stage("run"):
        clock[0] += 2
        with profile.stage("network"):
            clock[0] += 4
            with profile.stage("wait"):
                clock[0] += 8
            clock[0] += 16
        with profile.stage("network"):
            clock[0] += 32
    clock[0] += 64
    found = seconds(profile)
    assert found == {"other": 65, "run": 2, "network": 52, "wait": 8, "whole": 127}
    assert sum(found.values()) == 2 * found["whole"]
    shares = {line["stage"]: line["share"] for line in profile.table()}
    assert (shares["network"], shares["whole"]) == ("40.9 %", "100.0 %")
    assert list(found) == ["other", "network", "wait", "run", "whole"]  # the longest first


def test_a_stage_that_raises_ends_where_it_raised(clock: list[float]) -> None:
    profile = Profile()
    with contextlib.suppress(KeyError), profile.stage("network"):
        clock[0] += 3
        raise KeyError
    clock[0] += 4
    assert seconds(profile) == {"other": 4, "network": 3, "whole": 7}


def test_the_stages_still_sum_to_the_whole_when_asked_again(clock: list[float]) -> None:
    profile = Profile()
    with profile.stage("network"):
        clock[0] += 2
        assert seconds(profile) == {"network": 2, "other": 0, "whole": 2}
        clock[0] += 3
    assert seconds(profile) == {"network": 5, "other": 0, "whole": 5}


def test_work_of_other_threads_stands_beside_and_adds_nothing_to_the_whole(clock: list[float]) -> None:
    profile = Profile()

    def work() -> str:
        clock[0] += 5
        return "done"

    with ThreadPoolExecutor(1) as pool:
        assert [pool.submit(profile.timed("score", work)).result() for _ in range(2)] == ["done", "done"]
    found = seconds(profile)
    assert (found["beside it: score"], found["other"], found["whole"]) == (10, 10, 10)


def test_a_run_prints_a_table_whose_parts_sum_to_the_whole_on_stderr(tmp_path: Path) -> None:
    words = ["run", "dataset.n=4", "model.weights=random", "method=[gradcam]", "metric=[pointing]"]
    words += ["protocol=[choe2020_v1]", "engine.batch_size=2", f"paths.runs={tmp_path}"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main([*words, "profile=true"]) == 0
    cells = [[cell.strip() for cell in line.split("|")] for line in err.getvalue().splitlines()]
    found = {row[1]: float(row[2]) for row in cells if len(row) > 3 and re.fullmatch(r"[\d.]+", row[2])}
    beside = {name for name in found if name.startswith("beside it: ")}
    assert beside == {"beside it: load", "beside it: score"}
    stages = found.keys() - beside - {"whole"}
    assert {"network", "metrics", "wait for images", "wait for scores", "rows", "write", "table"} <= stages
    assert sum(found[name] for name in stages) == pytest.approx(found["whole"], abs=0.005 * (len(stages) + 1))
    assert "wait for images" not in out.getvalue()
    err.truncate(0)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(words) == 0
    assert "wait for images" not in err.getvalue()

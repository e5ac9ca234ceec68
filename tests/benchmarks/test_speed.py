"""The speed table: which topics it has, what a row says, and what the cost page computes from it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import torch

from benchmarks.speed import rows, workers
from benchmarks.speed import table as speed_table
from benchmarks.speed.__main__ import HERE, main, shown, topics, write
from benchmarks.speed.bounds import bound_of, lines_of
from benchmarks.speed.early_stop import folded
from benchmarks.speed.rows import Plan, Row, faster, missing, within
from scripts.estimate_cost import BEGIN, END, PAGE, Stages, hours, stages, tables
from wsol.models.zoo import load_classifier

ROWS = [
    faster("scorecam", "Score-CAM", "a peer", 3.0, 2.0, 1.5, note="alike"),
    within("run", "a run", "its passes", 2.0, 3.0, 1.35),
    missing("scorecam", "Score-CAM: memory", "a peer", 10, "not installed (extra `peers`)"),
]


def test_the_readme_names_every_topic() -> None:
    named = re.findall(r"^\| `(\w+)\.py`", (HERE / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == topics()


def test_rows_that_miss_their_target_say_what_bounds_them() -> None:
    first, second = (within("run", f"whole run, resnet50, {n} images", "passes", 2, 3, 1.35).record() for n in (64, 8))
    met = within("run", "whole run, mobilenet_v2", "passes", 2, 3, 2.5).record()
    _, heading, _, line = lines_of([first, second, met, ROWS[2].record()])
    assert heading.startswith("## Missed")
    works = "whole run, resnet50, 64 images; whole run, resnet50, 8 images"
    assert line == f"- {works}: {bound_of(first['work'])}"
    assert "passes take" in line
    assert bound_of("14x14 maps on 2 threads").startswith("the row of a loop")
    assert bound_of("something else") == ""
    assert lines_of([met]) == []


def test_ratios_are_compared_in_the_direction_of_their_target() -> None:
    assert [row.ratio for row in ROWS] == [1.5, 1.5, None]
    assert [row.met for row in ROWS] == ["yes", "no", ""]
    assert shown(ROWS[1].record())["target"] == "at most 1.35"


def test_the_table_states_machine_versions_threads_and_what_is_missing(tmp_path: Path) -> None:
    write(
        tmp_path, [row.record() for row in ROWS], ["rise"], Plan(quick=True, threads=2), {"scorecam": 40.0, "run": 21.0}
    )
    page = (tmp_path / "speed.md").read_text("utf-8")
    assert "2 threads, wall time" in page
    assert re.search(r"torch \d", page)
    assert "peers: grad-cam" in page
    assert "Stopped by an error: rise." in page
    assert "Measured in 61 s with `--quick`: ratios are rough (scorecam 40, run 21)." in page
    assert "not installed (extra `peers`)" in page
    assert page.index("## scorecam") < page.index("## run")
    with (tmp_path / "speed.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["met"] for line in lines] == ["yes", "no", ""]
    assert {line["threads"] for line in lines} == {"2"}


def test_calls_take_turns_and_warm_rounds_do_not_count() -> None:
    order: list[str] = []
    times = Plan().in_turn([lambda: order.append("a"), lambda: order.append("b")], repeats=3, warm=1)
    assert order == ["a", "b"] * 4
    assert len(times) == 2


def test_long_rounds_are_repeated_no_longer_than_patience_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PATIENCE", 0.0)
    order: list[str] = []
    assert len(Plan().in_turn([lambda: order.append("a")], repeats=5, warm=3)) == 1
    assert order == ["a"] * 2  # one round of each kind


def test_an_unknown_topic_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["exakt"])
    assert "there is no topic exakt; choose from" in capsys.readouterr().err


def test_a_folded_network_has_the_same_scores_and_no_batch_norm() -> None:
    module = load_classifier("shapes_gap").module.eval()
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    without = folded(module)
    norms = [sum(isinstance(part, torch.nn.BatchNorm2d) for part in m.modules()) for m in (module, without)]
    assert norms == [5, 0]
    with torch.no_grad():
        torch.testing.assert_close(without(images), module(images), rtol=1e-5, atol=1e-5)


@pytest.mark.full
def test_a_topic_runs_in_a_process_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exact", "--quick", "--clock", "cpu", "--threads", "1", "--out", str(tmp_path)]) == 0
    with (tmp_path / "speed.csv").open(newline="") as file:
        assert [line["met"] for line in csv.DictReader(file)] == ["yes"] * 3


FOUND = Stages(load=10, network=80, score=50, rows=2, bytes=24_000, variants=24)


def test_the_cost_of_a_run_is_the_sum_of_its_stages_or_the_slowest_of_them() -> None:
    assert FOUND.two_cores == 10 / 2 + 50 / 2 + 80 + 2
    assert FOUND.with_gpu == (10 + 50) / 14  # more than the GPU's 1 ms
    lines = tables(FOUND).splitlines()
    assert lines[-1] == "| 10,000,000 | 240.0 GB | 311 h | 12 h | 1.5 h | 0.19 h |"
    assert hours(50_000 * 0.112) == "1.6 h"


def test_stages_are_read_from_the_table_and_a_missing_one_says_how_to_measure_it(tmp_path: Path) -> None:
    facts = [{"resnet50/load": 10.0, "resnet50/variants": 24.0}, {"resnet50/network": 80.0}, {"resnet50/score": 50.0}]
    facts += [{"resnet50/rows": 2.0}, {"resnet50/bytes": 1000.0}]

    def written(some: list[dict[str, float]]) -> Path:
        records = [Row(topic="stages", work="a stage", facts=one).record() for one in some]
        write(tmp_path, records, [], Plan(), {"stages": 1.0})
        return tmp_path / "speed.csv"

    assert stages(written(facts)) == FOUND
    with pytest.raises(SystemExit, match=r"has no stage bytes of resnet50; run: python -m benchmarks\.speed stages"):
        stages(written(facts[:-1]))


def test_the_page_has_the_place_for_the_tables() -> None:
    text = PAGE.read_text("utf-8")
    assert 0 < text.index(BEGIN) < text.index(END)


@pytest.mark.full
def test_simulated_workers_share_all_shards_without_torch() -> None:
    known = workers.measured(3, 2)
    assert (known["shards"], known["twice"]) == (6, 0)
    assert 0.1 < known["efficiency"] <= 1.0


def test_a_table_is_timed_by_the_clock_and_in_processor_seconds_of_one_thread() -> None:
    """The target is of the clock; processor seconds inform, and say how many more threads spend that wait."""
    default = [speed_table._Taken(wall=(8.0, 0.5), cpu=(12.0, 0.6), others=0.3)] * 3
    single = [speed_table._Taken(wall=(5.0, 0.55), cpu=(4.0, 0.5), others=0.0)] * 3
    clock, processor = speed_table._rows("a table", 10, default, single)
    assert (clock.theirs, clock.ours, clock.ratio, clock.met) == (8.0, 0.5, 16, "yes")
    assert "12 and 0.6 processor seconds" in clock.note
    assert "other processes took 30% of the cores" in clock.note
    assert (processor.theirs, processor.ours, processor.ratio, processor.met) == (4.0, 0.5, 8, "")
    assert "by the clock 5 and 0.55 s" in processor.note
    assert "3 times as many" in processor.note


def test_both_sides_of_a_table_have_threads_by_default_and_compiled_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    default, single = (speed_table._environment(Path("tree"), one=one) for one in (False, True))
    assert not {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE"} & set(default)
    assert (single["OPENBLAS_NUM_THREADS"], single["PYTHONPATH"]) == ("1", "tree")

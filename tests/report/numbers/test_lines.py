"""Lines that stand for several: means over seeds and groups keep all that is known of a number."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.made_up import make_run
from wsol.report.numbers.lines import group_lines, lines_of
from wsol.report.numbers.paired import apart
from wsol.report.numbers.summary import Summary, summarize
from wsol.runs.shards import Shard

SIGNED = "insertion_minus_deletion"
UNITS: list[dict[str, Any]] = [
    {"unit": "", "signed": False, "bounds": None},
    {"unit": "", "signed": False, "bounds": (-1.0, 1.0)},
    {"unit": "percent", "signed": True, "bounds": (-1.0, 1.0)},
    {"unit": "percent", "signed": True, "bounds": None},
]


def signed_run(place: Path, seed: int, kind: dict[str, Any], **variants: float) -> Summary:
    """A run with a signed number around 0."""
    run = make_run(
        place / f"run{seed}", variants, n=20, rise=True, seed=seed, identity={"seed": seed}, stochastic=tuple(variants)
    )
    rows = [row for table in run.tables().values() for row in table.to_pylist()]
    rng = np.random.default_rng(seed)
    for row in rows:
        row[f"rise2018_dataset/{SIGNED}"] = float(rng.uniform(-0.95, 0.9))
    about = run.about()
    quantities = [dataclasses.replace(q, **kind) if q.key == SIGNED else q for q in about.quantities]
    about = dataclasses.replace(about, quantities=tuple(quantities))
    ids = tuple(sorted({row["image_id"] for row in rows}))
    run.write(Shard(0, ids), rows, frozenset(run.footers()[0].work), about)
    return summarize(run, n_resamples=50)


@pytest.mark.parametrize("kind", UNITS)
def test_means_over_seeds_and_groups_do_not_clip_what_may_be_negative(tmp_path: Path, kind: dict[str, Any]) -> None:
    one, two = (signed_run(tmp_path, seed, kind, **{"gradcam@a": 0.0, "gradcam@b": 0.1}) for seed in (1, 2))
    averaged = [line.cells["rise2018_dataset", SIGNED, ""] for line in lines_of([one, two])]
    (group,) = group_lines(lines_of([one]), ["method"])
    averaged.append(group.cells["rise2018_dataset", SIGNED, ""])
    for cell in averaged:
        half = cell.high - cell.value
        assert cell.low == pytest.approx(cell.value - half)  # symmetric: Student's, cut nowhere
        assert cell.low < 0 < cell.high
    assert [cell.seeds for cell in averaged] == [2, 2, 1]


def test_a_difference_of_signed_percentages_may_be_beyond_100(tmp_path: Path) -> None:
    found = signed_run(tmp_path, 1, UNITS[2], **{"gradcam@a": 0.0, "gradcam@b": 0.1})
    first, second = (line.cells["rise2018_dataset", SIGNED, ""] for line in lines_of([found]))
    assert first.draws is not None
    assert second.draws is not None
    ends = [
        dataclasses.replace(cell, draws=dataclasses.replace(cell.draws, value=end, influence=np.full(20, end)))
        for cell, end in ((first, 0.9), (second, -0.9))
    ]
    pair = apart(*ends)
    assert pair is not None
    assert pair[0].value == pytest.approx(180)
    assert pair[0].low <= 180 <= pair[0].high <= 200


def test_controls_are_not_averaged_with_methods(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"rise": 0.0, "scorecam": 0.2, "centergauss": -0.5, "gradcam@s": 0.1})
    lines = lines_of([summarize(run, n_resamples=20)])
    key = ("choe2020_v1", "maxboxacc", "oracle")
    alone = {line.name: line.cells[key].value for line in lines}
    found = {line.fields["layers"]: line for line in group_lines(lines, ["layers"])}
    assert set(found) == {"", "s", "(controls)"}
    assert found[""].cells[key].value == pytest.approx((alone["rise"] + alone["scorecam"]) / 2)
    assert (found["(controls)"].control, found["(controls)"].cells[key].value) == (True, alone["centergauss"])

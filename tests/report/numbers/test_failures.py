"""Images that failed: they count as the worst value there is, or the quantity has no number."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.made_up import make_run
from tests.report.printing import body, printed
from wsol.cli import main
from wsol.report.numbers.quantity import Cell
from wsol.report.numbers.settings import Settings
from wsol.report.numbers.summary import Summary, summarize
from wsol.runs.folder import RunFolder
from wsol.runs.shards import Shard

GRADCAM, LAYERCAM = "gradcam@stage5", "layercam@stage5"
BAD = (4, 7, 9)
DELETION = "rise2018_dataset/deletion_auc"


def with_failures(place: Path, empty: Mapping[str, Any], measures: list[str], *, bounds: bool) -> RunFolder:
    """A run of which three images of one variant failed in some measures, with `empty` in their columns."""
    run = make_run(place, {GRADCAM: 0.0, LAYERCAM: 0.1}, rise=True, n=40)
    rows = [row for table in run.tables().values() for row in table.to_pylist()]
    for row in rows:
        image = int(row["image_id"].rpartition("/")[2])
        bad = image in BAD and row["variant"] == GRADCAM
        fine = {"status": "ok", "error": None, "failed": []}
        row |= {"status": "failed", "error": "RuntimeError: no map", "failed": measures, **empty} if bad else fine
    about, work = run.about(), frozenset(run.footers()[0].work)
    ends = (0.0, 1.0) if bounds else None
    quantities = [
        dataclasses.replace(q, bounds=ends) if q.measure == "rise2018_dataset" else q for q in about.quantities
    ]
    about = dataclasses.replace(about, quantities=tuple(quantities))
    run.write(Shard(0, tuple(sorted({row["image_id"] for row in rows}))), rows, work, about)
    return run


NOTHING = {"choe2020_v1/breaks": None, "choe2020_v1/iou": None, "rank": None, DELETION: None}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    measures = ["choe2020_v1", "rise2018_dataset"]
    return with_failures(tmp_path_factory.mktemp("runs") / "run", NOTHING, measures, bounds=True)


def cell(summary: Summary, metric: str, variant: str = GRADCAM) -> Cell:
    (found,) = (c for c in summary.cells if (c.variant, c.metric) == (variant, metric))
    return found


def hits(run: RunFolder) -> np.ndarray:
    """(images, thresholds): hits at IoU 0.5 of the rows that have curves."""
    curves = run.tables()[GRADCAM]["choe2020_v1/iou"].to_pylist()
    return np.array([values for values in curves if values is not None]) >= 0.5


def test_a_failed_image_is_a_miss_and_counts_in_n(run: RunFolder) -> None:
    summary, plain = summarize(run, n_resamples=20), hits(run)
    assert len(plain) == 37
    assert cell(summary, "maxboxacc").n == 40
    assert cell(summary, "maxboxacc").value == pytest.approx(100 * plain.sum(0).max() / 40)
    ranks = [r for r in run.tables()[GRADCAM]["rank"].to_pylist() if r is not None]
    assert cell(summary, "top1_cls").value == pytest.approx(100 * sum(r < 1 for r in ranks) / 40)
    assert cell(summary, "top1_loc").n == 40


def test_a_metric_takes_the_worse_end_of_its_range(run: RunFolder) -> None:
    found = cell(summarize(run, n_resamples=20), "deletion_auc")
    known = [v for v in run.tables()[GRADCAM][DELETION].to_pylist() if v is not None]
    assert (found.n, found.value) == (40, pytest.approx((sum(known) + 3) / 40))  # less is better: 1 is the worst


def test_the_note_tells_how_many_failed_and_the_first_of_them(run: RunFolder) -> None:
    text = printed(summarize(run, n_resamples=20))
    note = (
        "gradcam@stage5: 3 of 40 images failed (first: test/00004: RuntimeError: no map); "
        "they count as misses, in metrics as the worst value."
    )
    assert note in text
    assert "layercam@stage5: " not in text


def test_variants_are_compared_on_all_images_failed_ones_too(run: RunFolder) -> None:
    summary = summarize(run, n_resamples=20)
    assert cell(summary, "maxboxacc").images == cell(summary, "maxboxacc", LAYERCAM).images


def test_failed_images_can_be_left_out_and_that_is_said(run: RunFolder) -> None:
    summary, plain = summarize(run, settings=Settings(n_resamples=20, skip_failed=True)), hits(run)
    assert cell(summary, "maxboxacc").n == 37
    assert cell(summary, "maxboxacc").value == pytest.approx(100 * plain.mean(0).max())
    assert "they are left out (--skip-failed)." in printed(summary)


def test_a_quantity_without_a_worst_value_has_no_number(tmp_path: Path) -> None:
    run = with_failures(tmp_path / "run", {DELETION: None}, ["rise2018_dataset"], bounds=False)
    summary = summarize(run, n_resamples=20)
    assert np.isnan(cell(summary, "deletion_auc").value)
    assert cell(summary, "insertion_auc").n == 40  # whose column holds values
    text = printed(summary)
    assert "failed†" in next(line for line in body(text)[1:] if line[1] == GRADCAM)
    assert "† 3 of 40 images failed and this quantity has no worst value." in text


def test_the_commands_end_well(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    fast = ["--resamples", "20", "--runs", str(run.path.parent)]
    for words in (["table"], ["table", "--skip-failed"], ["compare", GRADCAM, LAYERCAM, "--skip-failed"]):
        assert main([*words, *fast]) == 0
        assert "3 of 40 images failed" in capsys.readouterr().out
    assert main(["table", "--json", "--skip-failed", *fast]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {r["n"] for r in found if r["variant"] == GRADCAM} == {37}
    assert main(["report", "-o", str(run.path / "r.html"), *fast]) == 0
    assert "3 of 40 images failed" in (run.path / "r.html").read_text()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_the_worst_and_said(tmp_path: Path, value: float) -> None:
    run = make_run(tmp_path / "run", {GRADCAM: 0.0, LAYERCAM: 0.1}, rise=True, n=10)
    rows = [row for table in run.tables().values() for row in table.to_pylist()]
    rows[0][DELETION] = rows[1]["rise2018_dataset/insertion_minus_deletion"] = value
    about = run.about()
    unbounded = [
        dataclasses.replace(q, bounds=None, main=True) if q.key == "insertion_minus_deletion" else q
        for q in about.quantities
    ]
    about = dataclasses.replace(about, quantities=tuple(unbounded))
    ids = tuple(sorted({row["image_id"] for row in rows}))
    run.write(Shard(0, ids), rows, frozenset(run.footers()[0].work), about)
    summary, skipped = summarize(run, n_resamples=20), summarize(run, n_resamples=20, skip_failed=True)
    known = [row[DELETION] for row in rows[1:10]]
    found = cell(summary, "deletion_auc")
    assert (found.n, found.value, found.not_finite) == (10, pytest.approx((sum(known) + 1) / 10), 1)
    assert (cell(skipped, "deletion_auc").n, cell(skipped, "deletion_auc").value) == (9, pytest.approx(np.mean(known)))
    lost = cell(summary, "insertion_minus_deletion")
    assert (lost.n, lost.failed, np.isnan(lost.value)) == (10, 1, True)
    text = printed(summary)
    assert f"{GRADCAM}: 1 of 10 values of Deletion are not finite; they count as the worst." in text
    assert "failed†" in text

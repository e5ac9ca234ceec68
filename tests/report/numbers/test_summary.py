"""Numbers from rows, against slow twins on made-up runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.report.made_up import make_run
from tests.report.printing import printed
from wsol.errors import DataError
from wsol.report.numbers.aliases import aliases
from wsol.report.numbers.settings import Settings
from wsol.report.numbers.slices import slicer
from wsol.report.numbers.summary import Cell, Summary, summarize
from wsol.runs.folder import RunFolder
from wsol.runs.shards import Shard
from wsol.stats.intervals import wilson

QUALITY = {"gradcam@stage5": 0.0, "layercam@stage5": 0.1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    protocols = ("choe2020_v1", "choe2020_v2", "gradcam2017")
    return make_run(
        tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1", QUALITY, protocols=protocols, rise=True
    )


def find(summary: Summary, metric: str, protocol: str, variant: str = "gradcam@stage5", part: str = "") -> Cell:
    found = [c for c in summary.cells if (c.variant, c.measure, c.metric, c.slice) == (variant, protocol, metric, part)]
    assert len(found) == 1
    return found[0]


def iou_at(run: RunFolder, protocol: str, variant: str = "gradcam@stage5") -> np.ndarray:
    """(images, 1000): IoU at every threshold of the published grid, by walking each row."""
    table = run.tables()[variant]
    out = []
    for breaks, values in zip(*(table[f"{protocol}/{c}"].to_pylist() for c in ("breaks", "iou")), strict=True):
        out.append([values[max(k for k, b in enumerate(breaks) if b <= tau + 1e-9)] for tau in np.arange(0, 1, 0.001)])
    return np.array(out)


@pytest.mark.full
def test_maxboxacc_is_the_highest_share_of_hits_over_thresholds(run: RunFolder) -> None:
    summary = summarize(run, n_resamples=50)
    iou = iou_at(run, "choe2020_v1")
    for delta in (0.3, 0.5, 0.7):
        cell = find(summary, f"maxboxacc@{round(100 * delta)}", "choe2020_v1")
        assert cell.value == pytest.approx(100 * (iou >= delta).mean(0).max(), abs=1e-12)
        assert cell.low <= cell.value <= cell.high
        assert cell.n == 60
    v2 = np.mean([100 * (iou_at(run, "choe2020_v2") >= d).mean(0).max() for d in (0.3, 0.5, 0.7)])
    assert find(summary, "maxboxacc_v2", "choe2020_v2").value == pytest.approx(v2, abs=1e-12)


def test_top1_loc_counts_hits_of_rightly_classified_images_at_the_threshold_of_gt_known(run: RunFolder) -> None:
    summary = summarize(run, n_resamples=50)
    hits = iou_at(run, "choe2020_v1") >= 0.5
    best = hits.mean(0).argmax()
    right = np.array(run.tables()["gradcam@stage5"]["rank"].to_pylist()) < 1
    assert find(summary, "top1_loc", "choe2020_v1").value == pytest.approx(100 * (hits[:, best] & right).mean())
    assert find(summary, "top1_cls", "classification").value == pytest.approx(100 * right.mean())
    assert find(summary, "best_tau", "choe2020_v1").value == pytest.approx(np.arange(0, 1, 0.001)[best], abs=0.004)


def test_a_fixed_threshold_has_no_maximum(run: RunFolder) -> None:
    summary = summarize(run, n_resamples=50)
    own = {c.metric for c in summary.cells if c.measure == "gradcam2017"}
    assert own == {"gt_known_loc", "top1_loc", "top5_loc"}
    iou = np.array([v[0] for v in run.tables()["gradcam@stage5"]["gradcam2017/iou"].to_pylist()])
    cell = find(summary, "gt_known_loc", "gradcam2017")
    assert cell.value == pytest.approx(100 * (iou >= 0.5).mean())
    assert (cell.tau, cell.tau_from) == ((0.15,), "fixed 0.15")
    low, high = wilson(float((iou >= 0.5).sum()), 60)
    assert (cell.low, cell.high) == pytest.approx((100 * low, 100 * high))
    text = printed(summary, protocols=["gradcam2017"])
    assert "over images: Wilson's for shares at a fixed threshold." in text


def test_slices_keep_the_threshold_of_all_images_and_add_up_to_them(run: RunFolder) -> None:
    sliced = summarize(run, slicer=slicer("size", run), n_resamples=50)
    whole = find(summarize(run, n_resamples=50), "maxboxacc", "choe2020_v1")
    parts = [
        c for c in sliced.cells if c.variant == whole.variant and (c.measure, c.metric) == ("choe2020_v1", "maxboxacc")
    ]
    assert len(parts) == 3
    assert sum(c.n for c in parts) == 60
    assert sum(c.n * c.value for c in parts) == pytest.approx(60 * whole.value)
    assert {c.tau for c in parts} == {whole.tau}
    assert {c.tau_from for c in parts} == {"best on all images"}
    assert {c.draws.interval for c in parts if c.draws} == {"rechosen"}


def test_slices_by_class_objects_and_correctness_name_what_they_hold(run: RunFolder) -> None:
    rows = run.tables()["gradcam@stage5"]
    by_class = slicer("class", run)(rows)
    assert {name: int(mask.sum()) for name, mask in by_class.items()} == {
        f"{i} {c}": 15 for i, c in enumerate(("cross", "ring", "disc", "bars"))
    }
    by_count = slicer("instances", run)(rows)
    assert {name: int(mask.sum()) for name, mask in by_count.items()} == {"1 object": 45, "2 objects": 15}
    right, wrong = slicer("correct", run)(rows).values()
    assert (right ^ wrong).all()
    small, medium, large = slicer("size", run)(rows).values()
    assert (small | medium | large).all()
    assert not (small & large).any()


def test_a_held_out_threshold_is_chosen_on_the_other_images(run: RunFolder, tmp_path: Path) -> None:
    other = make_run(
        tmp_path / "val-run", QUALITY, protocols=("choe2020_v1", "choe2020_v2", "gradcam2017"), seed=5, first_image=500
    )
    settings = Settings(taus=("oracle", "val", "split-half"), validation=other, n_resamples=50)
    summary = summarize(run, settings=settings)
    by_source = {
        c.tau_from: c
        for c in summary.cells
        if (c.variant, c.measure, c.metric) == ("gradcam@stage5", "choe2020_v1", "maxboxacc")
    }
    half, oracle = "best on the other half of the images", "best on these images"
    assert set(by_source) == {oracle, half, "best on val-run"}
    assert {c.tau_source for c in by_source.values()} == {"oracle", "split-half", "val"}
    chosen = (iou_at(other, "choe2020_v1") >= 0.5).mean(0).argmax()
    expected = 100 * (iou_at(run, "choe2020_v1")[:, chosen] >= 0.5).mean()
    assert by_source["best on val-run"].value == pytest.approx(expected)
    assert all(c.value <= by_source[oracle].value for c in by_source.values())
    assert len(by_source[half].tau) == 2
    fixed = [c for c in summary.cells if c.measure == "gradcam2017" and c.metric == "gt_known_loc"]
    assert {c.tau_from for c in fixed} == {"fixed 0.15"}


def test_a_threshold_can_t_come_from_a_run_without_the_variant(run: RunFolder, tmp_path: Path) -> None:
    other = make_run(tmp_path / "val-run", {"cam@stage5": 0.0})
    with pytest.raises(DataError, match="run val-run has no rows of gradcam@stage5 under choe2020_v1"):
        summarize(run, settings=Settings(taus=("val",), validation=other, n_resamples=10))


def test_what_the_other_run_lacks_is_left_out_and_said(
    run: RunFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = make_run(tmp_path / "val-run", QUALITY, protocols=("choe2020_v1",), first_image=500)
    summary = summarize(run, settings=Settings(taus=("val",), validation=other, n_resamples=10))
    assert {c.measure for c in summary.cells if c.tau_from == "best on val-run"} == {"choe2020_v1"}
    assert "run val-run has no rows of" in caplog.text


def test_intervals_end_where_a_share_does(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "cam@stage5": 0.3}, n=3)
    cells = [c for c in summarize(run, n_resamples=20).cells if c.percent]
    assert cells
    assert all(0 <= c.low <= c.value <= c.high <= 100 for c in cells)


def test_a_metric_without_a_value_on_some_images_is_averaged_over_the_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, rise=True, n=10)
    table = run.tables()["gradcam@stage5"]
    rows = table.to_pylist()
    for row in rows[:4]:
        row["rise2018_dataset/deletion_auc"] = None
    footer = run.footers()[0]
    run.write(Shard(0, tuple(table["image_id"].to_pylist())), rows, frozenset(footer.work), run.about())
    cell = find(summarize(run, n_resamples=20), "deletion_auc", "rise2018_dataset")
    assert cell.n == 6
    assert cell.value == pytest.approx(np.mean([r["rise2018_dataset/deletion_auc"] for r in rows[4:]]))


def test_psol_averages_over_classes(tmp_path: Path) -> None:
    name = "choe2020_v1[average=classes]"
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, protocols=(name,), n=58)  # 15, 15, 14, 14 per class
    cell = find(summarize(run, n_resamples=20), "maxboxacc", name)
    labels = np.arange(58) % 4
    hits = iou_at(run, name) >= 0.5
    expected = np.mean([hits[labels == c].mean(0) for c in range(4)], axis=0).max()
    assert cell.value == pytest.approx(100 * expected)
    assert cell.draws is not None
    assert cell.draws.interval == "rechosen"


def test_a_run_without_rows_says_how_to_get_some(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "empty")
    run.write_manifest({"identity": {}})
    with pytest.raises(DataError, match="run empty has no rows yet; start it with: wsol run"):
        summarize(run)


def test_equal_maps_are_told_by_their_digests(run: RunFolder) -> None:
    about = run.about()
    tables = {key: digested(table, range(len(table))) for key, table in run.tables().items()}
    assert aliases(tables, about).same == {"layercam@stage5": "gradcam@stage5"}
    one = tables["layercam@stage5"].column_names.index("map_digest")
    other = pa.array([f"{n:016x}" for n in range(1, 61)])
    tables["layercam@stage5"] = tables["layercam@stage5"].set_column(one, "map_digest", other)
    assert aliases(tables, about).same == {}


def test_twins_are_told_from_rows_and_named_after_the_older_paper(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"hirescam@stage5": 0.0, "cam@stage5": "hirescam@stage5", "gradcam@stage5": 0.001})
    assert summarize(run, n_resamples=10).same == {"hirescam@stage5": "cam@stage5"}


FIXED = "choe2020_v1[tau=0.0]"  # every positive map gives the full box


def test_boxes_at_a_fixed_threshold_do_not_make_two_methods_one(tmp_path: Path) -> None:
    methods = {"gradcam@stage5": 0.0, "lafam@stage5": "gradcam@stage5", "centergauss": "gradcam@stage5"}
    run = make_run(tmp_path / "run", methods, protocols=(FIXED,))
    found = summarize(run, n_resamples=10)
    assert found.same == {}
    assert found.alike == {"lafam@stage5": "gradcam@stage5", "centergauss": "gradcam@stage5"}
    text = printed(found)
    assert (
        "Equal to gradcam@stage5 in all that was measured, yet not merged with it: lafam@stage5, centergauss." in text
    )
    assert "| = gradcam" not in text


@pytest.mark.parametrize("protocol", ["choe2020_v1", FIXED])
@pytest.mark.parametrize(("moved", "same"), [(0.0, True), (1e-7, True), (0.01, False)])
def test_all_metric_columns_together_tell_methods_apart(
    tmp_path: Path, protocol: str, moved: float, *, same: bool
) -> None:
    run = make_run(tmp_path / "run", {"cam@s": 0.0, "lafam@s": "cam@s"}, protocols=(protocol,), rise=True)
    rows = [row for table in run.tables().values() for row in table.to_pylist()]
    for row in rows:
        row["rise2018_dataset/deletion_auc"] += moved * (row["variant"] == "lafam@s")
    run.write(
        Shard(0, tuple(sorted({r["image_id"] for r in rows}))), rows, frozenset(run.footers()[0].work), run.about()
    )
    assert summarize(run, n_resamples=10).same == ({"lafam@s": "cam@s"} if same else {})


def test_what_is_measured_of_the_network_alone_does_not_make_two_methods_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"cam@s": 0.0, "lafam@s": "cam@s"}, protocols=(FIXED,), rise=True)
    about = run.about()
    known = {name: dataclasses.replace(metric, takes_map=False) for name, metric in about.metrics.items()}
    found = aliases(run.tables(), dataclasses.replace(about, metrics=known))
    assert (dict(found.same), dict(found.alike)) == ({}, {"lafam@s": "cam@s"})


def test_few_images_show_twins_by_their_maps_alone_and_the_table_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"cam@s": 0.0, "hirescam@s": "cam@s"}, n=8)
    assert summarize(run, n_resamples=10).same == {}
    assert "at least 20 images" in printed(summarize(run, n_resamples=10))
    tables = {key: digested(table, range(8)) for key, table in run.tables().items()}
    assert aliases(tables, run.about()).same == {"hirescam@s": "cam@s"}


def test_a_method_whose_maps_are_all_the_same_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"cam@s": 0.0, "gradcam@s": 0.1, "fullbox": 0.0}, n=30)
    numbers = {"cam@s": range(30), "gradcam@s": [0] * 28 + [1, 2], "fullbox": [0] * 30}
    rows = [row for key, table in run.tables().items() for row in digested(table, numbers[key]).to_pylist()]
    run.write(
        Shard(0, tuple(sorted({r["image_id"] for r in rows}))), rows, frozenset(run.footers()[0].work), run.about()
    )
    found = summarize(run, n_resamples=10)
    assert found.repeated == {"gradcam@s": 28}
    assert "gradcam@s: one and the same map on 28 of 30 images, as where every map is all zeros." in printed(found)


def digested(table: pa.Table, numbers: Iterable[int]) -> pa.Table:
    return table.append_column("map_digest", pa.array([f"{n:016x}" for n in numbers]))


def test_a_twin_on_a_sample_of_the_images_is_found_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "xgradcam@stage5": "gradcam@stage5", "cam@stage5": 0.0})
    tables, about = run.tables(), run.about()
    tables["xgradcam@stage5"] = tables["xgradcam@stage5"].slice(5, 24)
    tables["cam@stage5"] = tables["cam@stage5"].slice(5, 24)
    assert aliases(tables, about).same == {"xgradcam@stage5": "gradcam@stage5"}


def test_top_5_is_left_out_where_there_are_five_classes_or_fewer(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, n=10)

    def tops(names: int) -> set[str]:
        run.write_manifest({**run.manifest, "class_names": [f"class {n}" for n in range(names)]})
        return {c.metric for c in summarize(run, n_resamples=20).cells if c.quantity.top}

    assert tops(6) == tops(0) == {"top1_loc", "top5_loc", "top1_cls", "top5_cls"}  # 0: not known
    assert tops(5) == {"top1_loc", "top1_cls"}


def test_top_5_stays_where_the_network_knows_more_classes_than_the_data_set(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, n=10)
    rows = [{**row, "top": [7]} for row in run.tables()["gradcam@stage5"].to_pylist()]
    footer = run.footers()[0]
    run.write(Shard(0, tuple(row["image_id"] for row in rows)), rows, frozenset(footer.work), run.about())
    run.write_manifest({**run.manifest, "class_names": ["a", "b", "c"]})
    assert "top5_loc" in {c.metric for c in summarize(run, n_resamples=20).cells}

"""Tables from made-up runs: what is marked, grouped, turned and said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.made_up import make_run
from tests.report.printing import body, printed
from wsol.errors import ConfigError, UnknownName
from wsol.report.numbers.choose import Choice
from wsol.report.numbers.slices import slicer
from wsol.report.numbers.summary import Summary, summarize
from wsol.report.tables.show import Layout
from wsol.runs.folder import RunFolder
from wsol.runs.shards import Shard


def test_heads_name_the_main_numbers_of_each_protocol_once(summary: Summary) -> None:
    assert body(printed(summary))[0] == [
        "rank", "variant", "MaxBoxAcc V1", "Top-1 Loc V1", "MaxBoxAcc V2", "GT-known Loc V2", "Top-1 Loc V2",
        "Deletion ↓", "Insertion", "F+B", "ms",
    ]  # fmt: skip


def test_the_best_comes_first_controls_last_and_twins_behind_their_model(summary: Summary) -> None:
    names = [line[1] for line in body(printed(summary))[1:]]
    assert names[0] == "layercam@stage4+5[gamma=2]"
    assert names[-1] == "fullbox"
    assert names.index("xgradcam@stage5") == names.index("gradcam@stage5") + 1


def test_a_twin_shows_whom_it_equals_and_no_numbers(summary: Summary) -> None:
    (twin,) = (line for line in body(printed(summary)) if line[1] == "xgradcam@stage5")
    assert twin[0] == ""
    assert twin[2] == "= gradcam@stage5"
    assert set(twin[3:9]) == {""}


def test_bold_is_the_best_only_where_every_other_line_is_worse_significantly(summary: Summary) -> None:
    best, *others = body(printed(summary))[1:]
    assert best[2].startswith("**")
    assert not any("**" in line[2] for line in others)
    assert best[0] == "1"


def test_equal_lines_share_a_rank_and_no_one_is_bold(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.001, "fullbox": -0.6}, seed=3)
    first, second, last = body(printed(summarize(run, n_resamples=200)))[1:]
    assert first[0] == second[0] == "=1"
    assert last[0] == "3"
    assert first[2].endswith("¹§")
    assert second[2].endswith("¹")
    assert "**" not in first[2] + second[2]
    assert "¹" not in last[2]


def test_columns_in_which_nothing_can_be_told_apart_have_no_marks(summary: Summary) -> None:
    deletion = [line[7] for line in body(printed(summary))[1:]]
    assert not any("¹" in cell or "**" in cell for cell in deletion)


def test_intervals_have_one_notation_in_every_column(summary: Summary) -> None:
    text = printed(summary)
    assert "±" not in text
    lines = [line for line in body(text)[1:] if not line[2].startswith("=")]
    whole = re.compile(r"\**\d+\.\d \[\d+, \d+\]\**¹?")  # wide intervals end in whole numbers
    fraction = re.compile(r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]")
    for line in lines:
        assert all(whole.fullmatch(cell) for cell in line[2:7])
        assert all(fraction.fullmatch(cell) for cell in line[7:9])


def test_fields_group_lines_and_what_is_not_named_is_averaged(summary: Summary) -> None:
    cells = {(c.variant, c.metric): c for c in summary.cells if c.measure == "choe2020_v1"}
    mean = (cells["gradcam@stage4", "maxboxacc"].value + cells["gradcam@stage5", "maxboxacc"].value) / 2
    lines = body(printed(summary, by=["method"]))
    assert lines[0][1] == "method"
    (gradcam,) = (line for line in lines if line[1] == "gradcam")
    assert float(gradcam[2].split()[0]) == pytest.approx(mean, abs=0.051)


def test_options_that_were_left_alone_show_their_default(summary: Summary) -> None:
    lines = body(printed(summary, by=["method", "layers", "gamma"]))
    found = {tuple(line[1:4]) for line in lines[1:]}
    assert ("layercam", "stage4+5", "2") in found
    assert ("layercam", "stage5", "null") in found
    assert ("fullbox", "", "") in found


def test_the_best_of_a_group_can_stand_for_it(summary: Summary) -> None:
    lines = body(printed(summary, layout=Layout(choice=Choice(by=["method"]), pick_best=True)))
    plain = body(printed(summary))
    assert next(line for line in lines if line[1] == "layercam")[2] == plain[1][2]


def test_any_number_can_order_the_lines(summary: Summary) -> None:
    lines = body(printed(summary, sort="deletion_auc"))
    values = [float(line[7].split()[0]) for line in lines[1:-1] if line[7]]
    assert values == sorted(values)
    assert "Ranked by Deletion rise2018_dataset: 1 + how many" in printed(summary, sort="deletion_auc")
    text = printed(summary, sort="choe2020_v2/top1_loc")
    values = [float(line[6].strip("*¹").split()[0]) for line in body(text)[1:-1] if line[6]]
    assert values == sorted(values, reverse=True)
    assert "Ranked by Top-1 Loc V2: 1 + how many variants are significantly better, = where shared." in text
    with pytest.raises(UnknownName, match="no metric 'top1_lok'; nearest: 'top1_loc'"):
        printed(summary, sort="top1_lok")


def test_metrics_and_protocols_can_be_picked(summary: Summary) -> None:
    assert body(printed(summary, metrics=["maxboxacc@70"]))[0][2:4] == ["@0.7 V1", "@0.7 V2"]
    found = json.loads(printed(summary, "json", metrics=["top1_loc"], protocols=["choe2020_v2"]))
    assert {(one["protocol"], one["metric"]) for one in found} == {("choe2020_v2", "top1_loc")}
    with pytest.raises(UnknownName, match="no protocol 'choe2020'; nearest: 'choe2020_v"):
        printed(summary, protocols=["choe2020"])


def test_fields_that_nothing_has_are_named_with_the_nearest(summary: Summary) -> None:
    with pytest.raises(ConfigError, match="no field 'gama'; nearest: 'gamma'"):
        printed(summary, by=["gama"])


def test_a_baseline_turns_numbers_into_paired_differences(summary: Summary) -> None:
    lines = {line[1]: line for line in body(printed(summary, baseline="gradcam@stage5"))[1:]}
    cells = {c.variant: c.value for c in summary.cells if (c.measure, c.metric) == ("choe2020_v1", "maxboxacc")}
    best = lines["layercam@stage4+5[gamma=2]"][2].strip("*")
    assert float(best.split()[0]) == pytest.approx(
        cells["layercam@stage4+stage5[gamma=2]"] - cells["gradcam@stage5"], abs=0.051
    )
    assert re.fullmatch(r"\+\d+\.\d \[\+\d+(\.\d)?, \+\d+(\.\d)?\]", best)
    assert lines["layercam@stage4+5[gamma=2]"][2].endswith("]*")  # significant
    assert lines["layercam@stage5"][2].endswith("]")  # and this one is not
    assert "* significant (paired by image, Holm-corrected over the column, 5 %)." in printed(
        summary, baseline="gradcam@stage5"
    )
    assert float(lines["gradcam@stage5"][2].strip("*").split()[0]) == pytest.approx(cells["gradcam@stage5"], abs=0.051)
    with pytest.raises(UnknownName, match="no variant 'gradcamm'"):
        printed(summary, baseline="gradcamm")


def test_the_footer_says_data_weights_protocols_thresholds_and_versions(summary: Summary) -> None:
    text = printed(summary)
    for part in ("n = 60 images", "shapes-test (60 images)", "weights embedded:beef", "choe2020_v1, choe2020_v2",
                 "threshold: best on these images", "wsol 0.1.0 torch 2.15.0", "seed 0", "Top-1 Cls"):  # fmt: skip
        assert part in text


def test_maps_of_others_have_no_price(tmp_path: Path) -> None:
    summary = summarize(make_run(tmp_path / "run", {"maps": 0.0}), n_resamples=20)
    free = replace(summary, costs={"maps": dict.fromkeys(summary.costs["maps"], float("nan"))})
    assert body(printed(summary))[0][-2:] == ["F+B", "ms"]
    text = printed(free)
    assert body(text)[0] == ["variant", "MaxBoxAcc", "Top-1 Loc"]
    assert "F+B" not in text


def test_parts_keep_the_order_they_were_cut_in(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0})
    sliced = summarize(run, slicer=slicer("size", run), n_resamples=20)
    text = printed(sliced, by=["slice"])
    assert [line[0].split()[0] for line in body(text)[1:]] == ["small", "medium", "large"]
    assert "bootstrap with the best threshold chosen again in each replicate" in text
    assert "chosen again in each replicate" in printed(summarize(run, n_resamples=20))


def test_random_weights_are_pointed_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, identity={"weights": "random:12"})
    assert "The weights are random" in printed(summarize(run, n_resamples=20))


def test_a_twin_with_long_options_is_named_in_full(tmp_path: Path) -> None:
    long = "layercam@stage5[fuse=product,gamma=2,scale=shallow]"
    twin = "layercam@stage5[fuse=product,gamma=2,normalise=minmax,scale=shallow]"
    summary = summarize(make_run(tmp_path / "run", {long: 0.0, twin: long}), n_resamples=20)
    assert "= layercam@stage5 (a)" in printed(summary)
    assert f"= {long}" in printed(summary, by=["method", "normalise"])


def test_long_options_move_to_the_notes(tmp_path: Path) -> None:
    long = "layercam@stage5[fuse=product,gamma=2,scale=shallow]"
    text = printed(summarize(make_run(tmp_path / "run", {long: 0.0, "cam@stage5": 0.1}), n_resamples=20))
    assert "layercam@stage5 (a)" in text
    assert "(a) fuse=product, gamma=2, scale=shallow" in text


def test_variants_on_a_sample_have_no_rank_and_stand_behind_the_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.2})
    few = make_run(tmp_path / "few", {"rise@input": 0.4, "cam@stage5": 0.0}, n=10)
    whole, part = summarize(run, n_resamples=50), summarize(few, n_resamples=50)
    both = replace(
        whole,
        cells=whole.cells + part.cells,
        variants={**whole.variants, **part.variants},
        costs={**whole.costs, **part.costs},
    )
    lines = body(printed(both))[1:]
    assert [line[1] for line in lines] == ["layercam@stage5", "gradcam@stage5", "rise@input", "cam@stage5"]
    assert [bool(line[0]) for line in lines] == [True, True, False, False]
    assert [line[-1] for line in lines] == ["60", "60", "10", "10"]
    assert not any("**" in line[2] or "¹" in line[2] for line in lines[2:])


def test_a_run_that_goes_on_says_how_far_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, n=10)
    assert "(10 images)" in printed(summarize(run, n_resamples=20))
    run.write_manifest({**run.manifest, "images": 60})
    assert "(so far 10 of 60 images)" in printed(summarize(run, n_resamples=20))


def test_costs_are_of_the_runs_view_where_a_protocol_has_another(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, protocols=("choe2020_v1", "layercam2021"), n=6)
    note = "layercam2021 uses view tencrop: F+B and ms are of one pass through the run's view."
    assert note in printed(summarize(run, n_resamples=20))
    plain = make_run(tmp_path / "plain", {"gradcam@stage5": 0.0}, n=6)
    assert "uses view" not in printed(summarize(plain, n_resamples=20))


def test_marks_are_explained_one_line_each_and_only_where_they_stand(summary: Summary, tmp_path: Path) -> None:
    text = printed(summary)
    assert "Bold: significantly better than all others of its column" in text
    assert "= NAME: the same maps as NAME up to rounding" in text
    for mark in ("†", "‡", "\n* "):
        assert mark not in text
    plain = printed(summarize(make_run(tmp_path / "run", {"gradcam@stage5": 0.0}), n_resamples=20))
    for mark in ("Bold:", "¹", "= NAME"):
        assert mark not in plain


def test_milliseconds_of_different_runs_are_marked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.2})
    text = printed(summarize(run, n_resamples=20))
    assert body(text)[0][-1] == "ms"
    assert "timed in different runs" not in text
    both = printed([summarize(run, n_resamples=20), summarize(_of_other_network(tmp_path), n_resamples=20)])
    later = make_run(tmp_path / "later", {"cam@stage5": 0.1})  # a variant that a later command added
    for row in (later.path / "rows").iterdir():
        row.rename(run.path / "rows" / f"{row.stem}-later.parquet")
    added = printed(summarize(run, n_resamples=20))
    for marked in (both, added):
        assert body(marked)[0][-1] == "ms‡"
        assert "‡ timed in different runs, so another load on the machine may explain a difference." in marked


def _of_other_network(place: Path) -> RunFolder:
    identity = {"model": "shapes_vgg", "weights": "embedded:vgg"}
    return make_run(place / "vgg", {"gradcam@stage5": 0.0}, identity=identity)


def test_columns_without_marks_say_why(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"cam@s": 0.0, "gradcam@s": 0.0, "rise": 0.001}, rise=True, seed=3)
    about = run.about()
    aimless = [replace(q, higher_is_better=None) if q.key == "insertion_auc" else q for q in about.quantities]
    tables = run.tables()
    rows = [row for table in tables.values() for row in table.to_pylist()]
    for row in rows[:5]:
        row["rise2018_dataset/deletion_auc"] = None
    about = replace(about, quantities=tuple(aimless))
    ids = tuple(tables["rise"]["image_id"].to_pylist())
    run.write(Shard(0, ids), rows, frozenset(run.footers()[0].work), about)
    text = printed(summarize(run, n_resamples=100))
    assert "No marks in Insertion: neither higher nor lower is better." in text
    assert "No marks in MaxBoxAcc, Top-1 Loc: nothing differs significantly from the best." in text
    assert "Deletion: only rows of the same images are compared." in text
    assert "no mark at all" not in text


def test_a_table_of_differences_says_which_numbers_are_none(summary: Summary) -> None:
    text = printed(summary, baseline="gradcam@stage5")
    assert "Numbers of the baseline itself, and of rows on other images than its own, are not differences." in text
    assert "= NAME: the same maps as NAME up to rounding" in text


def test_numbers_without_an_interval_are_plain_and_the_footer_says_why(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"cam@s": 0.0, "gradcam@s": 0.1}, rise=True, n=8)
    rows = [row for table in run.tables().values() for row in table.to_pylist()]
    for place, row in enumerate(rows):
        row["rise2018_dataset/deletion_auc"] = 0.9 * (place == 3)
    about = run.about()
    about = replace(about, quantities=tuple(replace(q, bounds=None) for q in about.quantities))
    run.write(Shard(0, tuple(row["image_id"] for row in rows[:8])), rows, frozenset(run.footers()[0].work), about)
    summary = summarize(run, n_resamples=50)
    text = printed(summary)
    assert {"0.113", "0.000"} == {line[4].strip("*¹") for line in body(text)[1:]}
    assert "none for means too skewed for their number of images, of numbers without bounds" in text
    plain = json.loads(printed(summary, style="json", baseline="gradcam@s"))
    (number,) = (n for n in plain if (n["variant"], n["metric"]) == ("cam@s", "deletion_auc"))
    assert (number["low"], number["high"], number["difference_low"]) == (None, None, None)
    assert number["p"] == 1.0  # one image differs

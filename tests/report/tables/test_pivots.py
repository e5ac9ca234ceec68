"""Layers, networks, slices, seeds and thresholds side by side."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.report.made_up import make_run
from tests.report.printing import QUALITY, body, printed
from wsol.errors import ConfigError
from wsol.report.numbers.choose import Choice
from wsol.report.numbers.settings import Settings
from wsol.report.numbers.slices import slicer
from wsol.report.numbers.summary import Summary, summarize
from wsol.report.tables.show import Layout


def test_layers_go_across_for_one_metric(summary: Summary) -> None:
    lines = body(printed(summary, layout=Layout(choice=Choice(metrics=["maxboxacc_v2"]), pivot=["layers"])))
    assert lines[0] == ["method", "gamma", "-", "stage4", "stage4+5", "stage5"]
    (gradcam,) = (line for line in lines if line[0] == "gradcam")
    assert gradcam[4] == ""
    assert gradcam[3]
    assert gradcam[5]


def test_networks_go_across_and_the_best_is_marked_within_each(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path / f"shapes-test-{model}-1",
            {"gradcam@stage5": 0.0, "layercam@stage5": 0.3},
            identity={"model": model, "weights": f"embedded:{model}"},
        )
        for model in ("shapes_gap", "shapes_vgg")
    ]
    summaries = [summarize(run, n_resamples=100) for run in runs]
    lines = body(printed(summaries, layout=Layout(pivot=["auto"])))
    assert lines[0] == ["variant", "shapes_gap", "shapes_vgg"]
    assert [cell.startswith("**") for cell in lines[1]] == [False, True, True]
    plain = body(printed(summaries))
    assert plain[0][1:3] == ["model", "variant"]
    assert len(plain) == 5


@pytest.mark.full
def test_slices_go_across_and_many_of_them_become_lines(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", QUALITY)
    sliced = summarize(run, slicer=slicer("size", run), n_resamples=20)
    lines = body(printed(sliced, layout=Layout(pivot=["slice"])))
    assert lines[0][0] == "variant"
    assert [head.split()[0] for head in lines[0][1:]] == ["small", "medium", "large"]
    many = [f"gradcam@layer{i}" for i in range(12)]
    wide = summarize(make_run(tmp_path / "wide", dict.fromkeys(many, 0.0)), n_resamples=20)
    turned = body(printed(wide, layout=Layout(pivot=["layers"])))
    assert [line[0] for line in turned[1:4]] == ["layer0", "layer1", "layer2"]
    assert turned[0] == ["", "gradcam"]
    twins = {"layercam@layer0": "gradcam@layer0", "lafam@layer0": 0.1, "lafam@layer1": "lafam@layer0"}
    partly = summarize(make_run(tmp_path / "twins", {**dict.fromkeys(many, 0.0), **twins}), n_resamples=20)
    turned = body(printed(partly, layout=Layout(pivot=["layers"])))
    assert turned[0] == ["", "lafam", "gradcam"]  # layercam equals another wherever it has a number
    assert turned[2][1] == "= lafam@layer0"


def test_variants_on_a_sample_stand_below_and_n_is_that_of_the_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.2})
    few = make_run(tmp_path / "few", {"rise@input": 0.4}, n=10)
    for row in (few.path / "rows").iterdir():
        row.rename(run.path / "rows" / f"shard-00001-{row.name[12:]}")
    text = printed(summarize(run, slicer=slicer("size", run), n_resamples=20), layout=Layout(pivot=["auto"]))
    assert [line[0] for line in body(text)[1:]] == ["layercam@stage5", "gradcam@stage5", "rise@input"]
    (said,) = (line for line in text.splitlines() if line.startswith("n: "))
    sizes = [12, 24, 24]  # of 60 images whose objects have five sizes
    assert [int(n) for n in re.findall(r"(\d+)[,.]", said)] == sizes
    assert "Rows on fewer images" in text


def test_a_pivot_has_no_baseline(summary: Summary) -> None:
    with pytest.raises(ConfigError, match="leave out --baseline, --pivot or --slice"):
        printed(summary, layout=Layout(choice=Choice(baseline="gradcam@stage5"), pivot=["layers"]))


def test_each_run_is_compared_with_its_own_baseline(tmp_path: Path) -> None:
    summaries = [
        summarize(
            make_run(
                tmp_path / f"shapes-test-{model}-1",
                {"gradcam@stage5": shift, "layercam@stage5": 0.3},
                identity={"model": model, "weights": f"embedded:{model}"},
            ),
            n_resamples=100,
        )
        for model, shift in (("shapes_gap", 0.0), ("shapes_vgg", 0.1))
    ]
    text = printed(summaries, baseline="gradcam@stage5")
    assert "Differences to gradcam@stage5 of the same run" in text
    bases = [line for line in body(text) if "gradcam@stage5" in line]
    assert len(bases) == 2
    assert not any(line[3].lstrip("*").startswith(("+", "-")) for line in bases)
    own = {s.run: {c.variant: c.value for c in s.cells if c.metric == "maxboxacc"} for s in summaries}
    for one in json.loads(printed(summaries, "json", baseline="gradcam@stage5", metrics=["maxboxacc"])):
        if one["variant"] == "layercam@stage5":
            values = own[one["run"]]
            assert one["difference"] == pytest.approx(values["layercam@stage5"] - values["gradcam@stage5"])
            assert one["difference_low"] <= one["difference"] <= one["difference_high"]
        else:
            assert "difference" not in one


def test_places_that_two_lines_would_share_are_refused(summary: Summary) -> None:
    with pytest.raises(ConfigError, match="two lines share the place"):
        printed(summary, layout=Layout(choice=Choice(by=["layers"]), pivot=["dataset"]))


def test_runs_that_differ_only_in_the_seed_are_averaged_with_their_spread(tmp_path: Path) -> None:
    quality = {"rise@input": 0.1, "gradcam@stage5": 0.0}
    runs = [
        make_run(tmp_path / f"r{s}", quality, identity={"seed": s}, stochastic=["rise@input"], seed=s, noise=0.2)
        for s in range(3)
    ]
    summaries = [summarize(run, n_resamples=100) for run in runs]
    own = [c.value for s in summaries for c in s.cells if (c.variant, c.metric) == ("rise@input", "maxboxacc")]
    found = json.loads(printed(summaries, "json", metrics=["maxboxacc"]))
    by_variant = {one["variant"]: one for one in found}
    assert len(found) == 2
    assert by_variant["rise@input"]["value"] == pytest.approx(sum(own) / 3)
    assert by_variant["rise@input"]["seeds"] == 3
    assert by_variant["rise@input"]["seed_std"] == pytest.approx((sum((v - sum(own) / 3) ** 2 for v in own) / 2) ** 0.5)
    assert "seeds" not in by_variant["gradcam@stage5"]
    text = printed(summaries)
    assert "(s " in text
    assert "s is the standard deviation of one seed" in text
    assert "seeds 0, 1, 2" in text


def test_held_out_thresholds_stand_beside_the_usual_ones(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.1})
    summary = summarize(run, settings=Settings(taus=("oracle", "split-half"), n_resamples=50))
    heads = body(printed(summary, metrics=["maxboxacc"]))[0]
    assert heads[2:4] == ["MaxBoxAcc tau oracle", "MaxBoxAcc tau split-half"]
    found = json.loads(printed(summary, "json", metrics=["maxboxacc"]))
    assert {one["tau_from"] for one in found} == {"best on these images", "best on the other half of the images"}


@pytest.mark.full
def test_a_knob_study_shows_what_each_knob_does_to_the_score(tmp_path: Path) -> None:
    derived = [
        f"choe2020_v1[{knob}]"
        for knob in ("normalise=max", "tau_step=0.01", "side=112", "connectivity=8,iou=continuous")
    ]
    run = make_run(
        tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.1}, protocols=("choe2020_v1", *derived)
    )
    summary = summarize(run, n_resamples=100)
    lines = body(printed(summary))
    assert lines[0] == ["knob", "variant", "MaxBoxAcc", "difference"]
    assert [line[:2] for line in lines[1:3]] == [
        ["choe2020_v1 as published", "gradcam@stage5"],
        ["choe2020_v1 as published", "layercam@stage5"],
    ]
    assert len(lines) == 1 + 2 * 5
    by_knob = {line[0]: line[3] for line in lines[1:] if line[1] == "gradcam@stage5"}
    cells = {c.measure: c.value for c in summary.cells if (c.variant, c.metric) == ("gradcam@stage5", "maxboxacc")}
    change = cells["choe2020_v1[normalise=max]"] - cells["choe2020_v1"]
    assert change < -5
    assert float(by_knob["normalise=max"].split()[0]) == pytest.approx(change, abs=0.051)
    assert by_knob["normalise=max"].endswith("*")
    assert by_knob["side=112"] == "0.0"
    text = printed(summary)
    assert "each number at its own best threshold" in text
    assert "* significant (Holm-corrected over the table, 5 %)." in text
    answer = "1 of 4 changes to choe2020_v1 move MaxBoxAcc significantly for some variant, most of all normalise=max ("
    assert answer in text
    assert "F+B" not in text
    assert len(json.loads(printed(summary, "json"))) == len(summary.cells)


def test_fixed_thresholds_are_not_said_to_be_the_best(tmp_path: Path) -> None:
    derived = [f"choe2020_v1[tau={tau}]" for tau in (0.1, 0.2, 0.3, 0.4)]
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, protocols=("choe2020_v1", *derived))
    text = printed(summarize(run, n_resamples=50))
    assert "paired by image, in points; n = 60." in text
    assert "own best threshold" not in text


def test_a_slice_of_a_protocol_that_averages_over_classes_averages_over_its_own(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, protocols=("psol2020",))
    rows = run.tables()["gradcam@stage5"].to_pylist()
    hit = {c: [row["psol2020/iou"][0] >= 0.5 for row in rows if row["label"] == c] for c in range(4)}
    whole = {c.metric: c.value for c in summarize(run, n_resamples=20).cells}
    assert whole["gt_known_loc"] == pytest.approx(100 * sum(sum(h) / len(h) for h in hit.values()) / 4)
    sliced = summarize(run, slicer=slicer("class", run), n_resamples=20).cells
    found = sorted(c.value for c in sliced if c.metric == "gt_known_loc")
    assert found == pytest.approx(sorted(100 * sum(h) / len(h) for h in hit.values()))


def test_a_pivot_explains_its_blanks_twins_and_columns_without_marks(tmp_path: Path) -> None:
    qualities = {"gradcam@a": 0.0, "gradcam@b": 0.001, "cam@a": "gradcam@a", "rise": 0.3}
    text = printed(summarize(make_run(tmp_path / "run", qualities), n_resamples=100), layout=Layout(pivot=["layers"]))
    assert "= NAME: the same maps as NAME up to rounding" in text
    assert "Blank: no such number in the rows." in text
    assert "Rows are ordered by the mean of their numbers, controls last." in text
    two = {"gradcam@a": 0.0, "layercam@a": 0.001}
    text = printed(summarize(make_run(tmp_path / "two", two, seed=3), n_resamples=100), layout=Layout(pivot=["layers"]))
    assert "No marks in a: nothing differs significantly from the best." in text

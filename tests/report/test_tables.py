"""Tables from made-up runs: what is marked, grouped, turned and said."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.made_up import make_run
from wsol.errors import ConfigError, UnknownName
from wsol.report.columns import Choice
from wsol.report.slices import slicer
from wsol.report.summary import Settings, Summary, summarise
from wsol.report.table import Layout, show

QUALITY = {
    "fullbox": -0.5,
    "gradcam@stage4": -0.25,
    "gradcam@stage5": 0.0,
    "xgradcam@stage5": "gradcam@stage5",
    "layercam@stage5": 0.01,
    "layercam@stage4+stage5[gamma=2]": 0.3,
}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    place = tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1234"
    return summarise(make_run(place, QUALITY, protocols=("choe2020_v1", "choe2020_v2"), rise=True), n_resamples=200)


def printed(
    summaries: Summary | list[Summary], style: str = "md", layout: Layout | None = None, **choice: object
) -> str:
    stream = io.StringIO()
    layout = layout or Layout(choice=Choice(**choice))  # type: ignore[arg-type]
    show(summaries, stream, style=style, layout=layout)
    return stream.getvalue()


def body(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_usual_table_fits_a_terminal_of_160_columns(summary: Summary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()
    show(summary, stream)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
    (first,) = (line for line in shown if "layercam@stage4+5[gamma=2]" in line)
    assert len(first.split()) >= 16  # name, seven numbers with their intervals and the costs, all on one line
    assert first.rstrip().endswith(body(printed(summary))[1][-1])


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


def test_bold_is_the_best_only_where_every_other_line_is_worse_beyond_doubt(summary: Summary) -> None:
    best, *others = body(printed(summary))[1:]
    assert best[2].startswith("**")
    assert not any("**" in line[2] for line in others)
    assert best[0] == "1"


def test_equal_lines_share_a_rank_and_no_one_is_bold(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.001, "fullbox": -0.6}, seed=3)
    first, second, last = body(printed(summarise(run, n_resamples=200)))[1:]
    assert first[0] == second[0] == "=1"
    assert last[0] == "3"
    assert first[2].endswith("¹")
    assert second[2].endswith("¹")
    assert "**" not in first[2] + second[2]
    assert "¹" not in last[2]


def test_columns_in_which_nothing_can_be_told_apart_have_no_marks(summary: Summary) -> None:
    deletion = [line[7] for line in body(printed(summary))[1:]]
    assert not any("¹" in cell or "**" in cell for cell in deletion)


def test_nearly_symmetric_intervals_are_one_number(summary: Summary) -> None:
    deletion = [line[7] for line in body(printed(summary))[1:] if line[7]]
    assert all(re.fullmatch(r"0\.\d{3} ±0\.\d{3}", cell) for cell in deletion)


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
    assert "choe2020_v2/top1_loc" not in printed(summary, sort="choe2020_v2/top1_loc")
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
    assert lines["layercam@stage4+5[gamma=2]"][2].rstrip("*").endswith("]") or "±" in best
    assert float(lines["gradcam@stage5"][2].strip("*").split()[0]) == pytest.approx(cells["gradcam@stage5"], abs=0.051)
    with pytest.raises(UnknownName, match="no variant 'gradcamm'"):
        printed(summary, baseline="gradcamm")


def test_json_lists_every_number_with_its_doubt(summary: Summary) -> None:
    found = json.loads(printed(summary, "json"))
    wanted = {"variant", "method", "layers", "options", "protocol", "metric", "value", "low", "high", "n", "tau", "run"}
    assert all(wanted <= set(one) for one in found)
    (fused,) = (
        one for one in found if one["variant"] == "layercam@stage4+stage5[gamma=2]" and one["metric"] == "maxboxacc"
    )
    assert fused["options"] == {"gamma": 2}
    assert 50 < fused["value"] <= 100
    assert fused["low"] <= fused["value"] <= fused["high"]
    twins = {one["same_as"] for one in found if one["variant"] == "xgradcam@stage5"}
    assert twins == {"gradcam@stage5"}


def test_csv_has_one_line_a_number(summary: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(summary, "csv"))))
    assert len(rows) == len(json.loads(printed(summary, "json")))
    assert json.loads(rows[-1]["options"]) == json.loads(printed(summary, "json"))[-1]["options"]


def test_latex_has_as_many_columns_in_every_line_and_nothing_left_to_escape(summary: Summary) -> None:
    tex = printed(summary, "tex")
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") == 1
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert rule in tex
    code = [line for line in tex.splitlines() if not line.startswith("%")]
    (spec,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", tex)
    lines = [line for line in code if line.endswith(r"\\")]
    groups = [line for line in lines if "multicolumn" in line]
    assert sum(int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", groups[0])) == len(spec)
    for line in lines:
        if line not in groups:
            assert len(re.findall(r"(?<!\\)&", line)) == len(spec) - 1
    text = "\n".join(code)
    assert not re.search(r"(?<!\\)[_%#]", text)
    assert text.isascii()
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


def test_latex_compiles_where_there_is_a_compiler(summary: Summary, tmp_path: Path) -> None:
    compiler = shutil.which("pdflatex") or shutil.which("tectonic")
    if compiler is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    text = printed(summary, "tex")
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\tiny\n"
    (tmp_path / "table.tex").write_text(f"{head}{text}\\end{{document}}\n")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in compiler else []
    done = subprocess.run([compiler, *options, "table.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "table.pdf").stat().st_size > 1000


def test_html_is_a_table_whose_tags_close(summary: Summary) -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.cells: dict[str, int] = {}

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.open.append(tag)
            self.cells[tag] = self.cells.get(tag, 0) + 1

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Reader()
    reader.feed(printed(summary, "html"))
    assert reader.open == []
    assert reader.cells["td"] == 6 * 11
    assert reader.cells["strong"] >= 1


def test_an_unknown_format_names_the_nearest(summary: Summary) -> None:
    with pytest.raises(ConfigError, match="no format 'latex'; nearest"):
        printed(summary, "latex")


def test_the_footer_says_data_weights_protocols_thresholds_and_versions(summary: Summary) -> None:
    text = printed(summary)
    for part in ("n = 60 images", "shapes-test (60 images)", "weights embedded:beef", "choe2020_v1, choe2020_v2",
                 "threshold: best on these images", "wsol 0.1.0 torch 2.15.0", "seed 0", "Top-1 Cls"):  # fmt: skip
        assert part in text


def test_maps_of_others_have_no_price(tmp_path: Path) -> None:
    summary = summarise(make_run(tmp_path / "run", {"maps": 0.0}), n_resamples=20)
    free = replace(summary, costs={"maps": dict.fromkeys(summary.costs["maps"], float("nan"))})
    assert body(printed(summary))[0][-2:] == ["F+B", "ms"]
    text = printed(free)
    assert body(text)[0] == ["variant", "MaxBoxAcc", "Top-1 Loc"]
    assert "F+B" not in text


def test_parts_keep_the_order_they_were_cut_in(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0})
    sliced = summarise(run, slicer=slicer("size", run), n_resamples=20)
    text = printed(sliced, by=["slice"])
    assert [line[0].split()[0] for line in body(text)[1:]] == ["small", "medium", "large"]
    assert "chosen again in each replicate" not in text
    assert "chosen again in each replicate" in printed(summarise(run, n_resamples=20))


def test_random_weights_are_pointed_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0}, identity={"weights": "random:12"})
    assert "The weights are random" in printed(summarise(run, n_resamples=20))


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
    summaries = [summarise(run, n_resamples=100) for run in runs]
    lines = body(printed(summaries, layout=Layout(pivot=["auto"])))
    assert lines[0] == ["variant", "shapes_gap", "shapes_vgg"]
    assert [cell.startswith("**") for cell in lines[1]] == [False, True, True]
    plain = body(printed(summaries))
    assert plain[0][1:3] == ["model", "variant"]
    assert len(plain) == 5


def test_slices_go_across_and_many_of_them_become_lines(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", QUALITY)
    sliced = summarise(run, slicer=slicer("size", run), n_resamples=20)
    lines = body(printed(sliced, layout=Layout(pivot=["slice"])))
    assert lines[0][0] == "variant"
    assert [head.split()[0] for head in lines[0][1:]] == ["small", "medium", "large"]
    many = [f"gradcam@layer{i}" for i in range(12)]
    wide = summarise(make_run(tmp_path / "wide", dict.fromkeys(many, 0.0)), n_resamples=20)
    turned = body(printed(wide, layout=Layout(pivot=["layers"])))
    assert [line[0] for line in turned[1:4]] == ["layer0", "layer1", "layer2"]
    assert turned[0] == ["", "gradcam"]


def test_places_that_two_lines_would_share_are_refused(summary: Summary) -> None:
    with pytest.raises(ConfigError, match="two lines share the place"):
        printed(summary, layout=Layout(choice=Choice(by=["layers"]), pivot=["dataset"]))


def test_runs_that_differ_only_in_the_seed_are_averaged_with_their_spread(tmp_path: Path) -> None:
    quality = {"rise@input": 0.1, "gradcam@stage5": 0.0}
    runs = [
        make_run(tmp_path / f"r{s}", quality, identity={"seed": s}, stochastic=["rise@input"], seed=s, noise=0.2)
        for s in range(3)
    ]
    summaries = [summarise(run, n_resamples=100) for run in runs]
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
    summary = summarise(run, settings=Settings(taus=("oracle", "split-half"), n_resamples=50))
    heads = body(printed(summary, metrics=["maxboxacc"]))[0]
    assert heads[2:4] == ["MaxBoxAcc tau oracle", "MaxBoxAcc tau split-half"]
    found = json.loads(printed(summary, "json", metrics=["maxboxacc"]))
    assert {one["tau_from"] for one in found} == {"best on these images", "best on the other half of the images"}


def test_a_knob_study_shows_what_each_knob_does_to_the_score(tmp_path: Path) -> None:
    derived = [
        f"choe2020_v1[{knob}]"
        for knob in ("normalise=max", "tau_step=0.01", "side=112", "connectivity=8,iou=continuous")
    ]
    run = make_run(
        tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.1}, protocols=("choe2020_v1", *derived)
    )
    summary = summarise(run, n_resamples=100)
    lines = body(printed(summary))
    assert lines[0] == ["knob", "gradcam@stage5", "layercam@stage5"]
    by_knob = {line[0]: line[1] for line in lines[1:]}
    cells = {c.measure: c.value for c in summary.cells if (c.variant, c.metric) == ("gradcam@stage5", "maxboxacc")}
    change = cells["choe2020_v1[normalise=max]"] - cells["choe2020_v1"]
    assert change < -5
    assert float(by_knob["normalise=max"].split()[0]) == pytest.approx(change, abs=0.051)
    assert by_knob["normalise=max"].endswith("*")
    assert by_knob["side=112"] == "0.0"
    assert len(json.loads(printed(summary, "json"))) == len(summary.cells)


def test_a_twin_with_long_options_is_named_in_full(tmp_path: Path) -> None:
    long = "layercam@stage5[fuse=product,gamma=2,scale=shallow]"
    twin = "layercam@stage5[fuse=product,gamma=2,normalise=minmax,scale=shallow]"
    summary = summarise(make_run(tmp_path / "run", {long: 0.0, twin: long}), n_resamples=20)
    assert "= layercam@stage5 (a)" in printed(summary)
    assert f"= {long}" in printed(summary, by=["method", "normalise"])


def test_long_options_move_to_the_notes(tmp_path: Path) -> None:
    long = "layercam@stage5[fuse=product,gamma=2,scale=shallow]"
    text = printed(summarise(make_run(tmp_path / "run", {long: 0.0, "cam@stage5": 0.1}), n_resamples=20))
    assert "layercam@stage5 (a)" in text
    assert "(a) fuse=product, gamma=2, scale=shallow" in text


def test_variants_on_a_sample_have_no_rank_and_stand_behind_the_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.2})
    few = make_run(tmp_path / "few", {"rise@input": 0.4, "cam@stage5": 0.0}, n=10)
    whole, part = summarise(run, n_resamples=50), summarise(few, n_resamples=50)
    both = Summary(
        whole.cells + part.cells,
        {**whole.variants, **part.variants},
        {**whole.costs, **part.costs},
        whole.protocols,
        whole.manifest,
        whole.run,
    )
    lines = body(printed(both))[1:]
    assert [line[1] for line in lines] == ["layercam@stage5", "gradcam@stage5", "rise@input", "cam@stage5"]
    assert [bool(line[0]) for line in lines] == [True, True, False, False]
    assert [line[-1] for line in lines] == ["60", "60", "10", "10"]
    assert not any("**" in line[2] or "¹" in line[2] for line in lines[2:])

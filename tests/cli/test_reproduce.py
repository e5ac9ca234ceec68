"""`wsol reproduce`: published beside ours, and the exit code that says whether they agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.small_table import GRADCAM, LAYERCAM, SHAPES, cell, write
from wsol.cli import main
from wsol.errors import ConfigError
from wsol.published.beside import load_benchmark


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def ours(runs: Path) -> dict[str, float]:
    """Our numbers, through the table."""
    place = runs / "first.yaml"
    cells = [cell("gradcam"), cell("layercam", overrides=LAYERCAM, metric="maxboxacc_v2", protocol="choe2020_v2")]
    assert main(["reproduce", write(place, cells), f"paths.runs={runs}"]) == 0
    found = {}
    for run in runs.glob("*/run.json"):
        from wsol.report.numbers.summary import summarize
        from wsol.runs.folder import RunFolder

        for one in summarize(RunFolder(run.parent), n_resamples=20).cells:
            found[f"{one.variant}/{one.measure}/{one.metric}"] = one.value
    return found


@pytest.mark.full
def test_cells_of_one_data_set_and_network_share_a_run(ours: dict[str, float], runs: Path) -> None:
    assert len(list(runs.glob("*/run.json"))) == 1
    assert {"gradcam@stage5/choe2020_v1/maxboxacc", "layercam@stage4/choe2020_v2/maxboxacc_v2"} <= set(ours)


def test_numbers_inside_their_tolerance_give_exit_code_0(
    ours: dict[str, float], runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = ours["gradcam@stage5/choe2020_v1/maxboxacc"]
    cells = [
        cell("as-printed", published=round(value, 2)),
        cell("at-the-edge", published=value + 0.01),
        cell("as-error", published=100 - value, kind="error"),
        cell("as-fraction", published=value / 100, unit="fraction", tolerance=1e-9),
        cell("never-published"),
        cell("not-computable", overrides=[], published=50.0, note="a mean of other cells"),
    ]
    assert main(["reproduce", write(tmp_path / "b.yaml", cells), f"paths.runs={runs}", "--json"]) == 0
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    verdicts = {name: one["verdict"] for name, one in found.items()}
    assert verdicts == {
        "as-printed": "inside", "at-the-edge": "inside", "as-error": "inside", "as-fraction": "inside",
        "never-published": "", "not-computable": "",
    }  # fmt: skip
    error, accuracy = found["as-error"], found["as-printed"]
    assert error["ours"] == pytest.approx(100 - value)
    assert (error["low"], error["high"]) == pytest.approx((100 - accuracy["high"], 100 - accuracy["low"]))
    assert accuracy["low"] <= accuracy["ours"] <= accuracy["high"]
    assert found["not-computable"]["reason"] == "a mean of other cells"


def test_a_number_outside_its_tolerance_gives_exit_code_1(
    ours: dict[str, float], runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = ours["gradcam@stage5/choe2020_v1/maxboxacc"]
    cells = [cell("right", published=value), cell("wrong", published=value - 5)]
    assert main(["reproduce", write(tmp_path / "b.yaml", cells), f"paths.runs={runs}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [head.strip() for head in lines[0].split("|")[1:-1]] == [
        "method", "published", "ours", "difference", "tolerance", "verdict",
    ]  # fmt: skip
    (wrong,) = (line for line in lines if line.startswith("| wrong"))
    assert "+5.00" in wrong
    assert "**outside**" in wrong
    assert main(["reproduce", str(tmp_path / "b.yaml"), f"paths.runs={runs}", "--only", "right"]) == 0


def test_differences_are_paired_with_the_cell_they_are_taken_to(
    ours: dict[str, float], runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage4 = [*SHAPES, "method=[gradcam]", "methods.gradcam.layers=stage4", "protocol=[choe2020_v1]"]
    cells = [cell("base"), cell("other", overrides=stage4, kind="difference", baseline="base", unit="points")]
    assert (
        main(["reproduce", write(tmp_path / "b.yaml", cells), f"paths.runs={runs}", "--json", "--only", "other"]) == 0
    )
    (other,) = json.loads(capsys.readouterr().out)
    assert main(["table", "latest", "--runs", str(runs), "--json", "--metric", "maxboxacc"]) == 0
    table = {one["variant"]: one["value"] for one in json.loads(capsys.readouterr().out)}
    assert other["ours"] == pytest.approx(table["gradcam@stage4"] - table["gradcam@stage5"])
    assert other["low"] <= other["ours"] <= other["high"]


def test_what_is_missing_is_said_and_gives_exit_code_2(
    runs: Path, ours: dict[str, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = [*GRADCAM[1:], "dataset=cub", "model.num_classes=200"]
    far.remove("dataset.n=12")
    cells = [cell("here"), cell("far", overrides=far, published=60.0)]
    place = write(tmp_path / "b.yaml", cells, dataset="CUB, 5,794 images")
    assert main(["reproduce", place, f"paths.runs={runs}"]) == 2
    told = capsys.readouterr()
    assert "b needs dataset: CUB, 5,794 images." in told.err
    assert "| far " in told.out
    assert "not run" in told.out
    assert main(["reproduce", place, f"paths.runs={runs}", "--only", "far"]) == 2
    cells = [part.strip() for part in capsys.readouterr().out.splitlines()[2].split("|")[1:-1]]
    assert cells == ["far", "60.00", "-", "", "±0.01", "not run"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset.n=5"], "dataset.n=5 changes what the published numbers are of; add --allow-changes"),
        (["model=shapes_vgg"], "model=shapes_vgg changes what"),
        (["model.weights=random"], "model.weights=random changes what"),
        (["protocol.normalise=max"], "protocol.normalise=max changes what"),
        (["--only", "nobody"], "there is no cell of b 'nobody'; there are gradcam"),
        (["--format", "htm"], "there is no format 'htm'"),
    ],
)
def test_other_data_and_weights_are_refused(
    words: list[str], sentence: str, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = write(tmp_path / "b.yaml", [cell("gradcam", published=1.0)])
    assert main(["reproduce", place, f"paths.runs={runs}", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_anyway_accepts_them(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = write(tmp_path / "b.yaml", [cell("gradcam")])
    assert main(["reproduce", place, f"paths.runs={runs}", "dataset.n=5", "--allow-changes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["n"] == 5
    assert main(["reproduce", place, f"paths.runs={runs}", "dataset.n=5", "--allow-changes"]) == 0
    told = capsys.readouterr().out
    assert "--allow-changes: data, weights or settings may not be the published ones (dataset.n=5)." in told
    assert "Ours: 5 images." in told


def test_weights_that_the_table_s_own_must_be_are_asked_for(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [w for w in GRADCAM if not w.startswith("model")] + ["model=resnet18", "model.num_classes=10"]
    place = write(tmp_path / "b.yaml", [cell("gradcam", overrides=words)], weights="trained by you", checkpoint="FILE")
    assert main(["reproduce", place, f"paths.runs={runs}"]) == 2
    assert (
        "resnet18 needs other weights than its default ones (trained by you); give model.weights=FILE"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("table", "wanted"),
    [("rise2018", "IMAGENET1K_V1"), ("torchcam", None), ("centre_baseline", None), ("choe2020", "FILE")],
)
def test_tables_say_which_weights_they_need(table: str, wanted: str | None) -> None:
    assert load_benchmark(table).checkpoint == wanted


def test_every_committed_table_can_be_read_and_named() -> None:
    from wsol.environment import benchmarks_dir

    names = [path.stem for path in benchmarks_dir().glob("*.yaml")]
    assert "choe2020" in names
    for name in names:
        assert load_benchmark(name).cells


def test_files_that_are_no_tables_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match=r"no\.yaml is not a table of published numbers"):
        load_benchmark(str(tmp_path / "no.yaml"))
    (tmp_path / "no.yaml").write_text("cells: 3")
    with pytest.raises(ConfigError, match=r"no\.yaml is not a table of published numbers"):
        load_benchmark(str(tmp_path / "no.yaml"))
    assert main(["reproduce", "choe2021"]) == 2
    assert "there is no benchmark 'choe2021'; nearest: 'choe2020'" in capsys.readouterr().err


@pytest.mark.full
def test_a_protocol_is_not_taken_for_one_derived_from_it(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The four normalizations of Kim et al. share a run."""
    rules = {"max": "ivr2021[normalise=max]", "ivr": "ivr2021", "high": "ivr2021[percentile=0.98]"}
    cells = [
        cell(name, overrides=[*GRADCAM[:-1], f"protocol=[{rule}]"], metric="maxboxacc_v2", protocol=rule)
        for name, rule in rules.items()
    ]
    assert main(["reproduce", write(tmp_path / "b.yaml", cells), f"paths.runs={runs}", "--json"]) == 0
    found = {one["id"]: one["ours"] for one in json.loads(capsys.readouterr().out)}
    assert main(["table", "latest", "--runs", str(runs), "--json", "--metric", "maxboxacc_v2"]) == 0
    table = {
        one["protocol"]: one["value"] for one in json.loads(capsys.readouterr().out) if "@stage5" in one["variant"]
    }
    assert found == {name: pytest.approx(table[rule]) for name, rule in rules.items()}
    assert found["ivr"] != found["high"]


def test_sources_list_where_a_number_stands_and_where_another_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "systems", "--sources", "--only", "bas-top-1", "--json"]) == 0
    found = {one["cell"]: one for one in json.loads(capsys.readouterr().out)}
    cub = found["cub-resnet50-bas-top-1-loc"]
    assert {(one["table"], one["printed"]) for one in cub["same"]} == {("bas2022", "77.25"), ("sat2023", "77.25")}
    assert [(one["table"], one["printed"]) for one in cub["contradicts"]] == [("recent", "76.75")]
    assert main(["reproduce", "systems", "--sources", "--only", "vitol-top-1"]) == 0
    out = capsys.readouterr().out
    assert "variant: 57.62 in vitol2022, ImageNet, DeiT-B, ViTOL-GAR (primary; " in out
    assert "Of 1: 0 with another number elsewhere" in out

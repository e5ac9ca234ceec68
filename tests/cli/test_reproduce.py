"""`wsol reproduce`: published beside ours, and the exit code that says whether they agree."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from wsol.cli import main
from wsol.errors import ConfigError
from wsol.published.beside import load_benchmark

SHAPES = ["dataset=shapes", "dataset.n=12", "model=shapes_gap", "metric=[]", "gallery=0"]
GRADCAM = [*SHAPES, "method=[gradcam]", "protocol=[choe2020_v1]"]
LAYERCAM = [*SHAPES, "method=[layercam]", "methods.layercam.layers=stage4", "protocol=[choe2020_v2]"]


def cell(name: str, **fields: Any) -> dict[str, Any]:
    row = {"dataset": "shapes", "split": "test", "method": name, "metric": "MaxBoxAcc"}
    plain: dict[str, Any] = {"overrides": GRADCAM, "metric": "maxboxacc", "protocol": "choe2020_v1", "published": None}
    plain |= {"unit": "%", "kind": "accuracy", "tolerance": 0.01, "source": "a test", "certainty": "measured"}
    return {"id": name, "row": row, **plain, **fields}


def write(place: Path, cells: list[dict[str, Any]], **needs: Any) -> str:
    known = {"own_models": [], "dataset": "shapes", "model": "shapes_gap", "weights": "any", "data": ""}
    node = {"paper": "A test", "title": "T", "venue": "V", "citation": "C", "note": "", "needs": {**known, **needs}}
    place.write_text(yaml.safe_dump({**node, "cells": cells}))
    return str(place)


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


TRAIN = ["recipe=shapes", "dataset=shapes", "model=shapes_gap", "technique=cam"]


class FakeTraining:
    """Stands for the module of `wsol train`: leaves the embedded network's weights, its head changed a little."""

    def __init__(self, stops: int = 0) -> None:
        self.calls: list[list[str]] = []
        self.stops = stops  # how often it is stopped before it is done

    def main(self, words: list[str]) -> int:
        import torch
        from safetensors.torch import save_file

        from wsol.models.zoo import load_classifier

        self.calls.append(words)
        print("epoch 1: this is no answer")
        if self.stops:
            self.stops -= 1
            return 1
        state = {k: v.clone() for k, v in load_classifier("shapes_gap").module.state_dict().items()}
        bias = next(name for name in state if name.endswith("bias"))
        state[bias] += torch.linspace(0, 0.1, len(state[bias]))
        folder = Path(next(word for word in words if word.startswith("out=")).removeprefix("out="))
        folder.mkdir(parents=True, exist_ok=True)
        save_file(state, folder / "model.safetensors")
        return 0


def trained_table(place: Path) -> str:
    words = [word for word in GRADCAM if not word.startswith("model.weights")]
    return write(place, [cell("gradcam", overrides=words, train=TRAIN)], weights="trained by you", checkpoint="FILE")


def test_from_nothing_to_the_table_each_step_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, where = trained_table(tmp_path / "b.yaml"), f"paths.runs={tmp_path / 'runs'}"
    fake = FakeTraining(stops=1)
    monkeypatch.setitem(sys.modules, "wsol.cli.train", fake)
    assert main(["reproduce", place, where]) == 2  # without --train nothing is trained
    assert "give model.weights=FILE, or train them here: --train" in capsys.readouterr().out
    assert not fake.calls
    assert main(["reproduce", place, where, "--train", "--json"]) == 2  # stopped in the middle
    (stopped,) = json.loads(capsys.readouterr().out)
    assert stopped["verdict"] == "not run"
    assert stopped["reason"].endswith("ended with 1; the same command resumes")
    assert main(["reproduce", place, where, "--train", "--json"]) == 0
    (first,) = json.loads(capsys.readouterr().out)  # what the training printed is not in it
    assert first["n"] == 12
    out = tmp_path / "runs" / "training" / "shapes-shapes-shapes_gap-cam"
    assert fake.calls == 2 * [[*TRAIN, where, f"out={out}"]]
    (run,) = (tmp_path / "runs").glob("*/run.json")
    assert "model.safetensors" in json.loads(run.read_text())["identity"]["weights_name"]
    assert main(["reproduce", place, where, "--train", "--json"]) == 0
    assert len(fake.calls) == 2  # trained already
    assert json.loads(capsys.readouterr().out) == [first]
    assert main(["reproduce", place, where, "--json"]) == 0  # and its weights are found without being asked for
    assert json.loads(capsys.readouterr().out) == [first]


def test_a_dry_run_prints_the_steps_and_does_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wsol.cli.train", FakeTraining())
    place, where = trained_table(tmp_path / "b.yaml"), f"paths.runs={tmp_path / 'runs'}"
    assert main(["reproduce", place, where, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" wsol ")[0].split() for line in lines[:-1]] == [
        ["train", "to", "do"], ["evaluate", "to", "do"], ["compare", "to", "do"],
    ]  # fmt: skip
    weights = tmp_path / "runs" / "training" / "shapes-shapes-shapes_gap-cam" / "model.safetensors"
    assert f"model.weights={weights}" in lines[1]
    assert lines[-1].startswith("3 steps: 1 to train, 1 to evaluate, 1 to compare; 0 done.")
    assert not (tmp_path / "runs").exists()
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"")
    assert main(["reproduce", place, where, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("train    done")


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


def test_a_training_that_cannot_be_done_leaves_the_others_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(FakeTraining):
        def main(self, words: list[str]) -> int:
            if "technique=has" in words:
                raise ConfigError("recipe shapes has no lr for technique=has")
            return super().main(words)

    monkeypatch.setitem(sys.modules, "wsol.cli.train", Refusing())
    cells = [cell("has", train=[*TRAIN[:-1], "technique=has"]), cell("cam", train=TRAIN)]
    place = write(tmp_path / "b.yaml", cells, weights="trained by you", checkpoint="FILE")
    assert main(["reproduce", place, f"paths.runs={tmp_path / 'runs'}", "--train", "--json"]) == 2
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["has"]["reason"] == "not trained: recipe shapes has no lr for technique=has"
    assert found["cam"]["ours"] is not None

"""Several runs by one command: what fails is said when it fails, whoever launches the jobs, and the others go on."""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from wsol.cli import main
from wsol.cli.launch import outcome
from wsol.runs.folder import RunFolder
from wsol.settings import compose_settings

FEW = ["dataset.n=4", "metric=[]", "gallery=0", "protocol=[choe2020_v1]"]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The launcher of `plugins/`, as if it was installed."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "plugins"))
    importlib.import_module("hydra_plugins.apart").register()


def sweep(runs: Path, *words: str) -> int:
    return main(["run", "-m", *FEW, f"paths.runs={runs}", "table=false", *words])


@pytest.mark.full
@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("launcher", ["basic", pytest.param("apart", marks=pytest.mark.full)])
def test_a_job_that_fails_does_not_stop_the_others(
    launcher: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = sweep(tmp_path, f"hydra/launcher={launcher}", "model=shapes_vgg,shapes_gap", "method=[cam]")
    printed = capfd.readouterr().err
    assert code == 1
    assert "wsol: RowsFailed: 1 of 1 variants failed on some images" in printed
    assert "HeadError: the method needs one linear layer" in printed
    assert "all other rows are complete (model=shapes_vgg)\n" in printed  # the swept word alone
    assert printed.index("(model=shapes_vgg)") < printed.index("-shapes_gap-")  # when it happens
    assert printed.rstrip().endswith("wsol: 1 of 2 jobs done")
    assert len(list(tmp_path.glob("shapes-*-shapes_gap-*/rows/*.parquet"))) == 1


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("launcher", ["basic", pytest.param("apart", marks=pytest.mark.full)])
def test_jobs_know_files_of_ones_own(launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"swept_{launcher}"
    assert main(["new", "method", key, "-o", str(tmp_path / f"{key}.py")]) == 0
    words = ["--with", str(tmp_path / f"{key}.py"), f"hydra/launcher={launcher}", f"method={key}@stage4,{key}[power=2]"]
    assert sweep(tmp_path / "runs", *words) == 0
    assert main(["table", "*", "--runs", str(tmp_path / "runs"), "--json"]) == 0


def test_all_failing_alike_is_bad_usage_and_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(tmp_path, "method=[gradcam]", "seed=0,1", "methods.gradcam.layers=stage9") == 2
    printed = capsys.readouterr().err
    assert "nearest: 'stage" in printed
    assert "(seed=0)" in printed
    assert "(seed=1)" in printed
    assert printed.rstrip().endswith("wsol: 0 of 2 jobs done")


def test_a_sweep_over_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(tmp_path, "method=[gradcam]", "seed=range(0,0)") == 2
    assert "0 jobs" in capsys.readouterr().err


@pytest.mark.full
def test_networks_have_their_own_weights_in_one_sweep(tmp_path: Path) -> None:
    words = ["model=shapes_gap[weights=random],shapes_vgg", "method=gradcam"]
    assert sweep(tmp_path, *words) == 0
    runs = [RunFolder(file.parent) for file in tmp_path.glob("*/run.json")]
    weights = {run.about().run.network: run.about().run.weights.partition(":")[0] for run in runs}
    assert weights == {"shapes_gap": "random", "shapes_vgg": "embedded"}


@pytest.mark.full
def test_variants_are_swept_by_their_spelling(tmp_path: Path) -> None:
    assert sweep(tmp_path, "method=layercam@stage3-5[gamma=2],layercam@stage4") == 0
    (run,) = {file.parent for file in tmp_path.glob("*/run.json")}
    assert set(RunFolder(run).tables()) == {"layercam@stage3+stage4+stage5[gamma=2]", "layercam@stage4"}


def test_a_job_returns_its_headline_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = compose_settings([*FEW, f"paths.runs={tmp_path}", "method=[gradcam,layercam,fullbox]"])
    value = float(outcome(settings))
    capsys.readouterr()
    assert main(["table", "latest", "--runs", str(tmp_path), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    values = [r["value"] for r in records if r["metric"] == "maxboxacc" and r["method"] != "fullbox"]
    assert len(values) == 2
    assert value == max(values)


@pytest.mark.full
def test_an_experiment_may_sweep_of_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["experiment=sanity", "dataset.n=2", "method=[gradcam]", "hydra.sweeper.params={model.randomise:'null,1'}"]
    assert main(["run", *words, f"paths.runs={tmp_path}", "table=false"]) == 0
    assert capsys.readouterr().err.rstrip().endswith("wsol: 2 of 2 jobs done")


@pytest.mark.filterwarnings("default")  # those of the plug-ins' own dependencies
@pytest.mark.parametrize("plugin", ["launcher=joblib", "sweeper=optuna"])
def test_a_plug_in_of_hydras_can_be_chosen(plugin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind, _, name = plugin.partition("=")
    if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.hydra_{name}_{kind}") is None:
        assert sweep(tmp_path, f"hydra/{plugin}", "seed=0,1") == 2
        assert f"there is no hydra/{kind} '{name}'" in capsys.readouterr().err
        pytest.skip(f"the package hydra-{name}-{kind} is not installed")
    assert sweep(tmp_path, f"hydra/{plugin}", "method=gradcam", "seed=0,1") == 0

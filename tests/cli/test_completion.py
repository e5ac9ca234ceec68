"""Shell completion: what may stand where the cursor is, for every command and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wsol.cli import COMMANDS
from wsol.cli.completion import candidates
from wsol.models.zoo import model_names
from wsol.runs.folder import RunFolder


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("wsol ru", ["run"]),
        ("wsol run data", ["dataset.", "dataset="]),
        ("wsol run dataset=shap", ["dataset=shapes"]),
        ("wsol run method=[gradcam,layerc", ["method=[gradcam,layercam", "method=[gradcam,layercam_fused"]),
        ("wsol run method=gradcam,fas", ["method=gradcam,fast"]),
        ("wsol run model=resnet5", ["model=resnet50", "model=resnet50_gap"]),
        ("wsol run model=shapes_g", ["model=shapes_gap"]),
        ("wsol run -m experiment=abl", [f"experiment=ablate_{x}" for x in ("fusion", "gamma", "layers", "threshold")]),
        ("wsol run methods.layercam_", ["methods.layercam_fused."]),
        ("wsol run protocols.exact.tau", ["protocols.exact.tau=", "protocols.exact.tau_step="]),
        ("wsol run engine.batch", ["engine.batch_size="]),
        ("wsol run dataset.met", ["dataset.metadata="]),
        ("wsol explain photo.jpg protocol=[choe2020_v1", ["protocol=[choe2020_v1"]),
        ("wsol run cl", ["claim=", "classifier="]),
        ("wsol train reci", ["recipe="]),
        ("wsol train recipe=choe2020_c", ["recipe=choe2020_cub"]),
        ("wsol tune techni", ["technique="]),
        ("wsol list bench", ["benchmarks"]),
        ("wsol list rec", ["recipes"]),
        ("wsol show t", ["technique"]),
        ("wsol show recipe fi", ["finetune"]),
        ("wsol new pro", ["protocol"]),
        ("wsol show protocol choe", ["choe2020_v1", "choe2020_v2"]),
        ("wsol show protocol exact choe", []),
        ("wsol reproduce choe", ["choe2020", "choe2020_v1"]),
        ("wsol data pre", ["prepare"]),
        ("wsol data prepare c", ["coco", "cub"]),
        ("wsol table --ru", ["--runs"]),
        ("wsol run nothing.like.this", []),
    ],
)
def test_words_are_completed(line: str, words: list[str]) -> None:
    assert candidates(line, COMMANDS) == words


def test_networks_are_those_that_can_be_loaded() -> None:
    found = {word.removeprefix("model=") for word in candidates("wsol run model=", COMMANDS)}
    assert found == set(model_names())


def test_runs_are_completed_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunFolder(tmp_path / "shapes-test-x").write_manifest({})
    assert candidates(f"wsol table --runs {tmp_path} sha", COMMANDS) == ["shapes-test-x"]
    monkeypatch.setenv("WSOL_RUNS", str(tmp_path))
    assert candidates("wsol report ", COMMANDS) == ["latest", "shapes-test-x"]


def test_completing_names_loads_neither_torch_nor_hydra() -> None:
    lines = ["wsol run method=[gradcam,la", "wsol run model=res", "wsol run data", "wsol show metric p", "wsol table x"]
    lines += ["wsol list m", "wsol show m", "wsol new m", "wsol data p"]
    code = (
        "import sys; from wsol.cli.completion import candidates\n"
        f"for line in {lines!r}: candidates(line, ['run'])\n"
        "print({'torch', 'torchvision', 'hydra', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_shell_gets_a_line_per_word() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wsol", "-sc", "query=bash"],
        env={"COMP_LINE": "wsol re", "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n") == ["report", "reproduce", "rescore", ""]

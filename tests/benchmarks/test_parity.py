"""Parity with other libraries: equal where the rule is the same, and the known errors show."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from wsol.cli import main, parity
from wsol.environment import benchmarks_dir

PEERS = benchmarks_dir() / "parity" / "peers.py"
EXTRA = all(find_spec(package) for package in ("pytorch_grad_cam", "torchcam", "captum"))
real = [
    pytest.mark.skipif(not EXTRA, reason="the extra `peers` is not installed"),
    pytest.mark.filterwarnings("ignore"),  # the libraries' own
    pytest.mark.slow,
]

# a library of the shape of captum's that prints, as some do; each class is the plain gradient
STAND_IN = """
import torch
class Saliency:
    def __init__(self, model, *layer):
        self.model = model
    def attribute(self, inputs, target, **options):
        print("progress of another library")
        score = self.model(inputs).gather(1, target[:, None]).sum()
        return torch.autograd.grad(score, inputs)[0]
InputXGradient = GuidedBackprop = Deconvolution = IntegratedGradients = LayerGradCam = GuidedGradCam = Saliency
"""


def wsol(where: Path, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with packages of `path` beside the installed ones."""
    root = Path(parity.__file__).resolve().parents[2]
    code = (
        f"import sys; sys.path[:0] = [{path!r}, {str(root)!r}]; from wsol.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run([sys.executable, "-c", code, *words], cwd=where, capture_output=True, text=True, check=False)


@pytest.mark.full
@pytest.mark.skipif(EXTRA, reason="the libraries themselves are installed")
def test_a_library_that_is_installed_is_compared_and_the_others_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "captum").mkdir()
    (tmp_path / "captum" / "__init__.py").touch()
    (tmp_path / "captum" / "attr.py").write_text(STAND_IN, "utf-8")
    done = wsol(tmp_path, "parity", "model=shapes_gap", "--images", "2", "--json", path=str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = {row["theirs"].partition("@")[0]: row for row in json.loads(done.stdout)}
    assert "progress of another library" in done.stderr
    assert len(rows) == 7
    assert all(name.startswith("peer.captum.") and row["n"] == 2 for name, row in rows.items())
    same = rows["peer.captum.Saliency"]
    assert same["ours"] == "vanillagrad"
    assert same["max_difference"] < 2e-5
    assert (same["box_iou"], same["reason"]) == (1, "the same rule")
    assert rows["peer.captum.GuidedBackprop"]["max_difference"] > 0.01
    listed = wsol(tmp_path, "list", "methods", "--json", "--with", str(PEERS), path=str(tmp_path))
    assert {row["method"] for row in json.loads(listed.stdout)} >= set(rows)


@pytest.mark.full
@pytest.mark.skipif(EXTRA, reason="the libraries themselves are installed")
def test_without_another_library_there_is_one_sentence(tmp_path: Path) -> None:
    done = wsol(tmp_path, "parity")
    assert done.returncode == 2
    assert "no other library is installed; get them with: pip install 'wsol[peers]'" in done.stderr


def test_without_the_folder_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parity, "benchmarks_dir", lambda: tmp_path)
    assert main(["parity"]) == 2
    assert "wsol parity needs the repository's folder benchmarks/parity" in capsys.readouterr().err


@pytest.fixture(scope="module")
def lines() -> dict[tuple[str, str], dict[str, float]]:
    from contextlib import redirect_stdout
    from io import StringIO

    out = StringIO()
    with redirect_stdout(out):
        assert main(["parity", "model=shapes_vgg", "--images", "2", "--json"]) == 0
    rows = json.loads(out.getvalue())
    return {(row["ours"].split("@")[0].split("[")[0], row["theirs"].split("@")[0]): row for row in rows}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(ours, theirs, marks=real)
        for ours, theirs in [
            ("gradcam", "peer.gradcam.GradCAM"),
            ("gradcam", "peer.torchcam.GradCAM"),
            ("gradcam", "peer.captum.LayerGradCam"),
            ("layercam", "peer.gradcam.LayerCAM"),
            ("layercam", "peer.torchcam.LayerCAM"),
            ("elementwise", "peer.gradcam.GradCAMElementWise"),
            ("xgradcam", "peer.gradcam.XGradCAM"),
            ("ablationcam", "peer.gradcam.AblationCAM"),
            ("scorecam", "peer.torchcam.ScoreCAM"),
            ("iscam", "peer.torchcam.ISCAM"),
            ("kpcacam", "peer.gradcam.KPCA_CAM"),
            ("finercam", "peer.gradcam.FinerCAM"),
            ("shapleycam", "peer.gradcam.ShapleyCAM"),
            ("vanillagrad", "peer.captum.Saliency"),
            ("guidedbackprop", "peer.captum.GuidedBackprop"),
            ("deconvnet", "peer.captum.Deconvolution"),
            ("guidedgradcam", "peer.captum.GuidedGradCam"),
        ]
    ],
)
def test_the_same_rule_gives_the_same_map(
    lines: dict[tuple[str, str], dict[str, float]], ours: str, theirs: str
) -> None:
    assert lines[ours, theirs]["max_difference"] < 2e-5  # float32
    assert lines[ours, theirs]["box_iou"] == 1


@pytest.mark.skipif(not EXTRA, reason="the extra `peers` is not installed")
@pytest.mark.filterwarnings("ignore")
def test_torchcams_gradcam_pp_is_another_method(lines: dict[tuple[str, str], dict[str, float]]) -> None:
    assert lines["gradcam_pp", "peer.torchcam.GradCAMpp"]["max_difference"] > 0.01

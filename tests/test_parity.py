"""Parity with other libraries: equal where the rule is the same, and the known errors show."""

from __future__ import annotations

import json

import pytest

from wsol.cli import main

pytest.importorskip("pytorch_grad_cam", reason="the extra `peers` is not installed")
pytest.importorskip("torchcam", reason="the extra `peers` is not installed")
pytest.importorskip("captum", reason="the extra `peers` is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # the libraries' own
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def lines() -> dict[tuple[str, str], dict[str, float]]:
    from contextlib import redirect_stdout
    from io import StringIO

    out = StringIO()
    with redirect_stdout(out):
        assert main(["parity", "model=shapes_vgg", "--images", "2", "--json"]) == 0
    found = json.loads(out.getvalue()[out.getvalue().index("[\n") :])
    return {(line["ours"].split("@")[0].split("[")[0], line["theirs"].split("@")[0]): line for line in found}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("gradcam", "peer.gradcam.GradCAM"),
        ("gradcam", "peer.torchcam.GradCAM"),
        ("gradcam", "peer.captum.LayerGradCam"),
        ("layercam", "peer.gradcam.LayerCAM"),
        ("layercam", "peer.torchcam.LayerCAM"),
        ("elementwise", "peer.gradcam.GradCAMElementWise"),
        ("xgradcam", "peer.gradcam.XGradCAM"),
        ("ablationcam", "peer.gradcam.AblationCAM"),
        ("scorecam", "peer.torchcam.ScoreCAM"),
        ("vanillagrad", "peer.captum.Saliency"),
        ("guidedbackprop", "peer.captum.GuidedBackprop"),
        ("deconvnet", "peer.captum.Deconvolution"),
        ("guidedgradcam", "peer.captum.GuidedGradCam"),
    ],
)
def test_the_same_rule_gives_the_same_map(
    lines: dict[tuple[str, str], dict[str, float]], ours: str, theirs: str
) -> None:
    assert lines[ours, theirs]["max_difference"] < 2e-5  # float32
    assert lines[ours, theirs]["box_iou"] == 1


def test_torchcams_gradcam_pp_is_another_method(lines: dict[tuple[str, str], dict[str, float]]) -> None:
    assert lines["gradcam_pp", "peer.torchcam.GradCAMpp"]["max_difference"] > 0.01

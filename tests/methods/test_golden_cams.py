"""The golden maps: networks rebuilt from stored weights, every stored weight and map of every layer again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.methods.nets import layer_features
from wsol.methods._base import methods
from wsol.methods._features import LayerFeatures
from wsol.methods._fusion import Fusion, fuse_layers

Golden = Mapping[str, np.ndarray]
NETS = ("vgg", "gapnet")
SCORECAMS = [(score, soft) for score in ("prob", "logit") for soft in (True, False)]
WHICH = {
    "gradcam": "map_gradcam",
    "gradcam_pp": "map_gradcampp",
    "xgradcam": "map_xgradcam",
    "hirescam": "map_hirescam",
    "layercam": "map_layercam",
    "ablationcam": "map_ablationcam",
    "elementwise": "map_elementwise",
}


@pytest.fixture(scope="module")
def golden(shared: Path) -> Golden:
    with np.load(shared / "golden" / "cams.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def rebuild(golden: Golden, net: str) -> nn.Module:
    """The network as the golden README lists it, in float64 with the stored weights."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    strides = (1,) * 5 if net == "vgg" else (2, 1, 2, 2)
    for n, stride in enumerate(strides, start=1):
        weight = golden[f"{net}.weights.conv{n}.weight"]
        layers[f"conv{n}"] = nn.Conv2d(weight.shape[1], weight.shape[0], 3, stride, 1, bias=net == "vgg")
        if net == "gapnet":
            layers[f"bn{n}"] = nn.BatchNorm2d(weight.shape[0])
        layers[f"relu{n}"] = nn.ReLU(inplace=True)
        if net == "vgg":
            layers[f"pool{n}"] = nn.MaxPool2d(2)
    if net == "vgg":
        layers |= {"flatten": nn.Flatten(), "fc1": nn.Linear(48, 16), "relu6": nn.ReLU(), "fc2": nn.Linear(16, 7)}
    else:
        layers |= {"gap": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(16, 7)}
    module = nn.Sequential(layers).double().eval()
    state = {
        name: torch.from_numpy(golden[f"{net}.weights.{name}"]) for name in module.state_dict() if "num_" not in name
    }
    module.load_state_dict(state, strict=False)
    return module


@pytest.fixture(scope="module")
def nets_layers(golden: Golden) -> dict[str, LayerFeatures]:
    """One `LayerFeatures` a golden layer: vgg.stage1, vgg.pool1, ..., gapnet.stage4."""
    found = {}
    images = torch.from_numpy(golden["images"]).double()
    for net in NETS:
        module = rebuild(golden, net)
        stages = {f"{net}.stage{n}": f"relu{n}" for n in range(1, 6 if net == "vgg" else 5)}
        if net == "vgg":
            stages |= {f"vgg.pool{n}": f"pool{n}" for n in range(1, 6)}
        all_features = layer_features(module, images, golden[f"{net}.target"].tolist(), list(stages.values()))
        found |= dict(zip(stages, all_features, strict=True))
    return found


def agrees(got: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=1e-9 * max(1e-300, np.abs(expected).max()))


def test_logits_activations_and_gradients_are_the_stored_ones(
    golden: Golden, nets_layers: dict[str, LayerFeatures]
) -> None:
    assert len(nets_layers) == 14
    for place, features in nets_layers.items():
        agrees(features.logits, golden[f"{place.split('.')[0]}.logits"])
        agrees(features.activations, golden[f"{place}.activations"])
        agrees(features.gradients, golden[f"{place}.gradients"])


@pytest.mark.parametrize("key", WHICH)
def test_one_look_maps_are_the_stored_ones(golden: Golden, nets_layers: dict[str, LayerFeatures], key: str) -> None:
    compared = 0
    for place, features in nets_layers.items():
        stored = f"{place}.{WHICH[key]}"
        if key == "elementwise" and stored not in golden:
            stored = f"{place}.map_layercam"  # not stored twice: the same bits where activations are not negative
        agrees(methods[key]()(features), golden[stored])
        compared += 1
    assert compared == 14


def test_cam_is_the_stored_one(golden: Golden, nets_layers: dict[str, LayerFeatures]) -> None:
    agrees(methods["cam"]()(nets_layers["gapnet.stage4"]), golden["gapnet.stage4.map_cam"])


@pytest.mark.parametrize(("score", "soft"), SCORECAMS)
def test_scorecam_weights_are_the_stored_ones_for_every_score_and_softmax(
    golden: Golden, nets_layers: dict[str, LayerFeatures], score: str, soft: bool
) -> None:
    made = methods["scorecam"](score=score, channel_softmax=soft, baseline="none")
    name = f"scorecam_{score}_softmax_{'on' if soft else 'off'}_dead"
    for place, features in nets_layers.items():
        live = golden[f"{place}.live_channels"]
        np.testing.assert_array_equal(
            live, (features.activations.amax((2, 3)) > features.activations.amin((2, 3))).numpy()
        )
        agrees(made.weights(features), golden[f"{place}.weights_{name}_skip"])
        expected = golden[f"{place}.map_{name}_zeromask"]
        got = made(features).numpy()
        if soft:  # stored with a mask of zeros for dead channels, which takes a share of the softmax
            kept = np.where(live, golden[f"{place}.weights_{name}_zeromask"], 0).sum(1)
            got = got * kept[:, None, None]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9 * max(1e-300, np.abs(expected).max()))


def test_scorecams_variants_share_one_sweep_of_forwards(nets_layers: dict[str, LayerFeatures]) -> None:
    features = nets_layers["vgg.stage3"]
    features.memo.clear()
    ran = 0

    def count(*_: object) -> None:
        nonlocal ran
        ran += 1

    handle = features.query.module.register_forward_hook(count)
    for score, soft in SCORECAMS:
        methods["scorecam"](score=score, channel_softmax=soft, baseline="none")(features)
    handle.remove()
    assert ran == 1  # one chunk holds the masks of all images


FUSED = [
    (net, kind, gamma, scale)
    for net, kinds in (("vgg", ("stage", "pool")), ("gapnet", ("stage",)))
    for kind in kinds
    for gamma, scale in ((None, "none"), (1.0, "all"), (2.0, "all"), (4.0, "all"), (2.0, "but_deepest"))
    if kind == "stage" or (gamma, scale) in ((None, "none"), (2.0, "all"))
]


@pytest.mark.parametrize(("net", "kind", "gamma", "scale"), FUSED)
def test_fused_layercam_is_the_stored_one(
    golden: Golden, nets_layers: dict[str, LayerFeatures], net: str, kind: str, gamma: float | None, scale: str
) -> None:
    name = "no_tanh" if gamma is None else f"gamma{gamma:.0f}_all{'_but_deepest' if scale == 'but_deepest' else ''}"
    names = [place for place in nets_layers if place.startswith(f"{net}.{kind}")]
    maps = [methods["layercam"]()(nets_layers[name]) for name in names]
    scaled = "+".join(names[:-1]) if scale == "but_deepest" else scale
    fusion = Fusion(gamma=gamma, scale=scaled, fuse_size="input")
    fused = fuse_layers(maps, fusion, names=names, last_side=maps[-1].shape[-2], input_size=(64, 64))
    agrees(fused, golden[f"{net}.fused_{kind}s_layercam_{name}"])

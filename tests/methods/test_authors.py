"""What the authors' own code computes, on the smallest inputs that tell it from what looks alike; and its presets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.methods.nets import TinyVGG, make_images, make_net, one_layer
from wsol.environment import conf_dir
from wsol.errors import ConfigError
from wsol.methods import LayerFeatures
from wsol.methods._base import methods
from wsol.methods._variants import config_of
from wsol.settings import compose_settings

TARGETS = (0, 3, 4)


@pytest.fixture
def vgg() -> LayerFeatures:
    return one_layer(make_net(TinyVGG), make_images(), TARGETS, "features.7", black=(-1.0, -0.5, 0.25))


class OneCellPerClass(nn.Module):
    """As many channels as classes; channel k is the logit y_k at cell k, and zero elsewhere."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.block = nn.Identity()
        self.logits = torch.tensor(logits, dtype=torch.float64).diag()[None, :, None]

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.logits.expand(len(x), -1, -1, -1) + 0 * x.sum()).sum((2, 3))


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, [1, -1.150, 0.090, 0.060]), ({"weighted": False}, [1, -1 / 3, -1 / 3, -1 / 3])],
    ids=["authors", "plain mean"],
)
def test_finercam_differentiates_the_probabilities_that_weight_the_classes(
    options: dict[str, bool], expected: list[float]
) -> None:
    """By the logits (4, 3.5, 1, 0), shifted so that none is 0; a shift changes no gradient."""
    logits = [4.5, 4.0, 1.5, 0.5]
    features = one_layer(OneCellPerClass(logits), make_images(1), [0], "block")
    raw = methods["finercam"](base="hirescam", **options)(features)[0, 0]
    np.testing.assert_allclose(raw.numpy() / logits, expected, atol=5e-4)


def test_kpcacam_of_large_activations_is_not_empty(vgg: LayerFeatures) -> None:
    activations = torch.tensor([[10.0, 10, 10, 11], [10, 11, 10, 10]], dtype=torch.float64).reshape(1, 2, 1, 4)
    features = replace(vgg, activations=activations)
    raw = methods["kpcacam"]()(features)[0, 0]
    np.testing.assert_allclose(raw.abs().numpy(), [0, 0.311, 0, 0.311], atol=5e-4)
    assert raw.sum().abs() < 1e-9
    assert methods["kpcacam"](center=False)(features).abs().max() < 1e-6


def test_polycam_at_a_layer_of_the_same_size_keeps_the_coarser_map_where_it_sees_anything(vgg: LayerFeatures) -> None:
    """P / P is 1: the local mean at the size of the layer itself is the map."""
    alone, twice = (methods["polycam"]().joint([vgg] * count) for count in (1, 2))
    torch.testing.assert_close(twice, alone, rtol=1e-12, atol=1e-12)
    assert (methods["polycam"](lnorm=False).joint([vgg, vgg]) - alone).abs().max() > 0.01


def test_polycam_minus_gives_no_channel_a_negative_weight(vgg: LayerFeatures) -> None:
    weights = methods["polycam"](variant="minus")._weights(vgg)
    assert weights.min() == 0
    assert weights.max() > 0


def test_groupcam_without_a_threshold_leaves_the_groups_maps_as_they_are(vgg: LayerFeatures) -> None:
    weighted = vgg.gradients.mean((2, 3), keepdim=True) * vgg.activations
    assert torch.equal(methods["groupcam"](groups=7, theta=0.0)._groups(vgg), weighted.relu())


def test_shapleycam_cell_by_cell_is_elementwise_gradcam_where_the_hessian_is_0(vgg: LayerFeatures) -> None:
    raw = methods["shapleycam"](score="logit", pooled=False)(vgg)
    torch.testing.assert_close(raw, methods["elementwise"]()(vgg), rtol=1e-9, atol=1e-12)


def test_opticam_with_black_is_that_with_the_mean_where_black_is_the_mean(vgg: LayerFeatures) -> None:
    def raw(hidden: str, black: tuple[float, ...]) -> Tensor:
        features = one_layer(vgg.query.module, vgg.images, TARGETS, "features.7", black=black)
        return methods["opticam"](iterations=5, hidden=hidden)(features)

    assert torch.equal(raw("black", (0.0, 0.0, 0.0)), raw("mean", (-1.0, -0.5, 0.25)))
    assert (raw("black", (-1.0, -0.5, 0.25)) - raw("mean", (-1.0, -0.5, 0.25))).abs().max() > 1e-3


@pytest.mark.parametrize("black", [None, (0.0,)])
def test_opticam_says_so_where_black_is_not_known(black: tuple[float, ...] | None) -> None:
    features = one_layer(make_net(TinyVGG), make_images(), TARGETS, "features.7", black=black)
    with pytest.raises(ConfigError, match="what is black in these images of 3 channels is not known; give the mean"):
        methods["opticam"](hidden="black")(features)


def test_zoomcam_step_by_step_is_another_map_from_three_layers_on() -> None:
    net = make_net(TinyVGG)
    layers = [one_layer(net, make_images(), TARGETS, name) for name in ("features.1", "features.4", "features.7")]
    direct, stepwise = (methods["zoomcam"](upsampling=way) for way in ("direct", "stepwise"))
    torch.testing.assert_close(stepwise.joint(layers[1:]), direct.joint(layers[1:]))
    assert (stepwise.joint(layers) - direct.joint(layers)).abs().max() > 0.01


def test_cameras_at_the_inputs_size_gives_a_map_of_that_size(vgg: LayerFeatures) -> None:
    assert (
        methods["cameras"](scales=2, largest=2.0, size="input", images="bicubic")(vgg).shape == vgg.images[:, 0].shape
    )


CHANGED = {
    "cameras_authors": {"size": "input", "images": "bicubic"},
    "groupcam_authors": {"theta": 0.0, "merge": "raw", "mask_order": "norm_after_up"},
    "opticam_authors": {"hidden": "black", "keep": "last"},
    "reciprocam_authors": {"score": "prob"},
    "shapleycam_authors": {"pooled": False},
    "zoomcam_authors": {"upsampling": "stepwise"},
}


def test_every_preset_of_the_authors_is_tried_here() -> None:
    assert {path.stem for path in (conf_dir() / "method").glob("*_authors.yaml")} == set(CHANGED)


@pytest.mark.parametrize("name", CHANGED)
def test_a_preset_of_the_authors_differs_from_its_method_in_what_they_do_otherwise(name: str) -> None:
    composed = dict(compose_settings([f"method={name}"])["methods"][name])
    key = composed.pop("method")
    assert key == name.removesuffix("_authors")
    plain = config_of(key)
    assert composed.keys() == plain.keys()
    assert {k: v for k, v in composed.items() if v != plain[k]} == CHANGED[name]
    assert name in methods[key].info.traps

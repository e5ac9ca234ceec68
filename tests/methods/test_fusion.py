"""Fusion of layers: LayerCAM's equation 9 and the maximum, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wsol.errors import ConfigError
from wsol.methods._fusion import NORMALIZATIONS, Fusion, fuse_layers, normalized

DEEP = torch.tensor([[[0.0, 4.0], [1.0, 2.0]]], dtype=torch.float64)
SHALLOW = torch.arange(64, dtype=torch.float64).reshape(1, 8, 8) / 63 * 0.01


def fuse(maps: list[torch.Tensor], **options: object) -> torch.Tensor:
    names = [f"stage{n}" for n in range(1, len(maps) + 1)]
    return fuse_layers(maps, Fusion(**options), names=names, last_side=2, input_size=(16, 16))  # type: ignore[arg-type]


def test_a_single_layer_without_scaling_comes_back_untouched() -> None:
    assert fuse([DEEP]) is DEEP


def test_shallow_layers_are_scaled_and_the_deepest_is_not() -> None:
    fused = fuse([SHALLOW, DEEP], gamma=2.0)
    small = np.tanh(2 * SHALLOW[0].numpy() / 0.01)
    deep = torch.nn.functional.interpolate(DEEP[:, None] / 4, size=(8, 8), mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(fused[0].numpy(), np.maximum(small, deep.numpy()), rtol=1e-12)


@pytest.mark.parametrize(
    ("scale", "top"), [("none", 1.0), ("all", np.tanh(2)), ("stage2", np.tanh(2)), ("stage1", 1.0), ("shallow", 1.0)]
)
def test_scale_says_which_layers_get_the_tanh(scale: str, top: float) -> None:
    assert float(fuse([SHALLOW * 0, DEEP], gamma=2.0, scale=scale).max()) == pytest.approx(top, abs=0.02)


def test_gamma_on_one_layer_is_monotone() -> None:
    plain, scaled = DEEP.flatten(), fuse([DEEP], gamma=3.0, scale="all").flatten()
    assert torch.equal(plain.argsort(), scaled.argsort())
    assert float(scaled.max()) == pytest.approx(np.tanh(3))


def test_fuse_size_input_has_the_size_of_the_input() -> None:
    assert fuse([SHALLOW, DEEP], fuse_size="input").shape == (1, 16, 16)
    assert fuse([SHALLOW, DEEP]).shape == (1, 8, 8)


def test_mean_and_product_are_what_they_say() -> None:
    a, b = torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[0.5, 1.0]]])
    assert fuse([a, b], fuse="mean").tolist() == [[[0.25, 1.0]]]
    assert fuse([a, b], fuse="product").tolist() == [[[0.0, 1.0]]]


def test_flat_maps_become_zeros_not_nan() -> None:
    for rule in ("max", "minmax", "percentile"):
        assert normalized(torch.zeros(2, 3, 3), rule).abs().sum() == 0
    assert normalized(torch.full((1, 3, 3), 7.0), "minmax").abs().sum() == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("fuse_by", ["max", "mean", "product"])
@pytest.mark.parametrize("rule", [*NORMALIZATIONS])
def test_nan_and_infinity_in_one_layer_stay_with_their_image(rule: str, fuse_by: str, value: float) -> None:
    deep = torch.cat([DEEP, DEEP])
    shallow = torch.cat([SHALLOW, SHALLOW])
    right = fuse([shallow, deep], normalise=rule, fuse=fuse_by, gamma=2.0)
    shallow[0, 3, 4] = value
    found = fuse([shallow, deep], normalise=rule, fuse=fuse_by, gamma=2.0)
    assert not found[0].isfinite().any()
    assert torch.equal(found[1], right[1])


def test_percentile_stretching_saturates_the_tails() -> None:
    stretched = normalized(torch.arange(1000.0).reshape(1, 20, 50), "percentile")
    assert float(stretched.min()) == 0
    assert float(stretched.max()) == 1
    assert int((stretched == 1).sum()) == 10


@pytest.mark.parametrize("gamma", [0.0, -1.0, float("nan")])
def test_a_gamma_that_leaves_nothing_is_refused(gamma: float) -> None:
    with pytest.raises(ConfigError, match="turns every map into a flat one; give a number above 0, or null"):
        Fusion(gamma=gamma)

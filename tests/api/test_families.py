"""Grad-CAM at `last` on further families of timm: equal to a twin at a layer named here by hand, or one sentence."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import wsol
from tests.reference.matrix import CLASSES, TWINS, Net, Twin
from wsol.errors import ModelError, WsolError

timm = pytest.importorskip("timm")

TINY = {"embed_dim": 48, "depth": 3, "num_heads": 3}
# name, side of the input, options, the layer; tokens in front of the patches (-1: channels behind) and rows of patches
FAMILIES: list[tuple[str, int, dict[str, Any], str, int | None, int]] = [
    ("efficientnet_b0", 64, {}, "bn2", None, 0),
    ("regnetx_002", 64, {}, "s4", None, 0),
    ("resnext26ts", 64, {}, "stages.3", None, 0),
    ("mobilenetv2_035", 64, {}, "bn2", None, 0),
    ("mnasnet_small", 64, {}, "bn2", None, 0),
    ("dpn48b", 64, {}, "features.conv5_bn_ac", None, 0),
    ("res2net50_14w_8s", 64, {}, "layer4", None, 0),
    ("inception_v4", 160, {}, "features.21", None, 0),
    ("xception41", 64, {}, "blocks.12", None, 0),
    ("hrnet_w18_small", 64, {}, "final_layer", None, 0),
    ("nfnet_l0", 64, {}, "final_act", None, 0),
    ("coatnet_pico_rw_224", 64, {"img_size": 64}, "norm", None, 0),
    ("poolformer_s12", 64, {}, "stages.3", None, 0),
    ("mixer_s32_224", 64, {"img_size": 64}, "blocks.7", 0, 2),
    ("resmlp_12_224", 64, {"img_size": 64}, "blocks.11", 0, 4),
    ("cait_xxs24_224", 64, {"img_size": 64}, "blocks.23", 0, 4),
    ("xcit_nano_12_p16_224", 64, {"img_size": 64}, "blocks.11", 0, 4),
    ("pvt_v2_b0", 64, {}, "stages.3", None, 0),
    ("twins_svt_small", 64, {"img_size": 64}, "norm", 0, 2),
    ("levit_128s", 224, {}, "stages.2", 0, 4),
    ("efficientformer_l1", 224, {}, "norm", 0, 7),
    ("focalnet_tiny_srf", 64, {}, "norm", None, 0),
    ("davit_tiny", 64, {}, "stages.3", None, 0),
    ("beit_base_patch16_224", 64, {"img_size": 64, **TINY}, "blocks.2", 1, 4),
    ("eva02_tiny_patch14_224", 56, {"img_size": 56}, "blocks.11", 1, 4),
    ("mvitv2_tiny", 64, {"img_size": 64}, "norm", 0, 2),
    ("repvgg_a0", 64, {}, "stages.3", None, 0),
    ("ghostnet_050", 64, {}, "blocks.9", None, 0),
    ("pit_ti_224", 64, {"img_size": 64}, "transformers.2.blocks.3.norm1", 1, 2),
    ("coat_lite_tiny", 64, {"img_size": 64}, "serial_blocks4.1.norm1", 1, 2),
    ("crossvit_tiny_240", 240, {}, "blocks.2.fusion.0.norm1", 1, 14),
    ("volo_d1_224", 64, {"img_size": 64}, "norm", 1, 4),
    ("convit_tiny", 64, {"img_size": 64}, "blocks.11.norm1", 1, 4),
    ("hiera_tiny_224", 64, {"img_size": 64}, "blocks.11", 0, 2),
    ("swinv2_tiny_window8_256", 64, {"img_size": 64, "window_size": 2}, "layers.3", -1, 0),
]
QUICK = ("mobilenetv2_035", "levit_128s", "pit_ti_224")


def made(name: str, **options: Any) -> torch.nn.Module:
    """A network with random weights, none of which is a matrix of zeros, in float64."""
    torch.manual_seed(0)
    model: torch.nn.Module = timm.create_model(name, num_classes=CLASSES, **options).eval().double()
    for parameter in model.parameters():
        if not parameter.detach().any() and parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize(
    ("name", "side", "options", "layer", "prefix", "rows"),
    [pytest.param(*one, id=one[0], marks=[] if one[0] in QUICK else pytest.mark.full) for one in FAMILIES],
)
def test_the_map_of_a_family_equals_its_twin(
    name: str, side: int, options: dict[str, Any], layer: str, prefix: int | None, rows: int
) -> None:
    model = made(name, **options)
    net = Net(partial(made, name), side, layer, prefix, rows)
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    maps = {label: TWINS["gradcam"](Twin(net, model, images, [label, label])).numpy() for label in range(CLASSES)}
    label, expected = max(maps.items(), key=lambda item: item[1].max((1, 2)).min())
    largest = expected.max((1, 2), keepdims=True)
    assert largest.max() > 0, "a map of zeros shows nothing"
    found = np.asarray(wsol.attribute(model, images, "gradcam", target=label))
    np.testing.assert_allclose(found / largest.max(), expected / largest.max(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "error", "sentence"),
    [
        ("halonet26t", {}, ModelError, r"ByobNet can't run on images of shape \(1, 3, 64, 64\) .*; give it the shape"),
        ("vit_tiny_patch16_224", {}, ModelError, r"VisionTransformer can't run on images of shape .*224"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(
    name: str, options: dict[str, Any], error: type[WsolError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as raised:
        wsol.attribute(made(name, **options), torch.zeros(1, 3, 64, 64), "gradcam", target=0)
    assert "\n" not in str(raised.value)

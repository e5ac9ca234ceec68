"""TS-CAM's coupling."""

from typing import Any

import torch
from torch import Tensor

from wsol.errors import HeadError
from wsol.methods import LayerFeatures, method
from wsol.methods._common.attention import attention_pass, parts, tokens_of
from wsol.models.attention import Attention
from wsol.models.heads import ROUNDING


@method(
    "tscam",
    paper="Gao et al., TS-CAM, ICCV 2021, sec. 3",
    year=2021,
    needs=("attention",),
    layers="input",
    cost="2F",
)
class TSCAM:
    """TS-CAM: the class token's attention to each patch, times the semantic map, the patch's score for the class.

    M = mean_l mean_h A^l[cls, patches] * S_c;  S = conv(patch tokens), whose mean over patches is the logits

    Identities: with equal attention everywhere it is the semantic map alone.
    Traps: for networks that carry such a map (a convolution from patch tokens to classes, then average pooling), and
    trained so. Conformer's logits have a second part, from its convolutional branch, of which the map knows nothing.
    The class token attends, but the head does not read it. S is signed, and so is M.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        tokens = tokens_of(layer)
        if tokens.prefix < 1:
            raise HeadError("TS-CAM needs a class token, and this network has none; use cam or gradcam")
        maps = []
        for part in parts(layer, gradients=False):
            attention, semantic = _attention_and_semantic_map(layer, part)
            where = torch.stack([p[:, :, 0].mean(1) for p in attention.probabilities]).mean(0)
            what = semantic[torch.arange(len(semantic)), layer.targets[part]]
            maps.append(tokens.to_map(where) * what)
        return torch.cat(maps)


def _attention_and_semantic_map(layer: LayerFeatures, part: slice) -> tuple[Attention, Tensor]:
    """Attention, and the semantic map (B, C, side, side): the class maps whose spatial mean gave the logits.

    A network whose logits have another part too says by `semantic_head` where its map is.
    """
    kept: list[Tensor] = []

    def keep(module: Any, args: Any, output: Tensor) -> None:
        kept.append(output.detach())

    network, classes = layer.query.module, layer.logits.shape[1]
    named = getattr(network, "semantic_head", None)
    if named is not None:
        able = [network.get_submodule(named)]
    else:
        able = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.out_channels == classes]
    handles = [m.register_forward_hook(keep) for m in able]
    try:
        attention = attention_pass(layer, part, gradients=False)
    finally:
        for handle in handles:
            handle.remove()
    side = tokens_of(layer).side
    for semantic in kept:
        if semantic.shape[-2:] == (side, side) and (named is not None or _gives(semantic, attention.logits)):
            return attention, semantic.to(attention.logits)
    raise HeadError(
        "TS-CAM needs a convolution from patch tokens to class maps whose mean is the logits, and this network has "
        "none; use genericattention or rollout"
    )


def _gives(semantic: Tensor, logits: Tensor) -> bool:
    """Whether the mean of (B, C, h, w) is (B, C), up to rounding of the maps' own type."""
    maps = semantic.double()
    tolerance = ROUNDING * torch.finfo(semantic.dtype).eps * maps.abs().mean((2, 3))
    return bool(((maps.mean((2, 3)) - logits.double()).abs() <= tolerance).all())

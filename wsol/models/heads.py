"""The linear head behind a layer, found by shape and proved by numbers.

CAM, and the closed forms of several methods, hold where the logits are a linear function of the layer's spatial
average. Names and classes of modules can't tell: what counts is that the formula gives the logits the network gave.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from wsol.models.forward import capture

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol.models.tokens import Grid

Kind = Literal["linear", "relu_linear", "conv"]

ROUNDING = (
    64  # times the unit roundoff, relative to the sum of magnitudes: float32 sums of 2048 terms use about 5 of it
)


@dataclass(frozen=True, slots=True)
class Head:
    """Logits as a function of the layer's activations A, (B, K, H, W); the mean is over cells.

    Attributes
    ----------
    weight : (C, K). bias : (C,).
    kind : ``linear``: W mean(A) + b. ``relu_linear``: W mean(ReLU(A)) + b (DenseNet). ``conv``: mean(ReLU(W A + b)),
        a 1x1 convolution to class maps (SqueezeNet).
    linear : the logits are exactly W mean(A) + b, up to rounding: what the closed forms ask for.
    """

    weight: Tensor
    bias: Tensor
    kind: Kind
    linear: bool


def head_behind(
    module: nn.Module, layer: str, images: Tensor, *, grids: Mapping[str, Grid] | None = None
) -> Head | None:
    """The head of a network behind `layer`, from one more forward of two (B, 3, h, w) `images` in full precision.

    A head belongs to the network: it must not depend on the batch or the precision that a run happens to have. So one
    in half precision is copied.
    """
    if images.dtype in (torch.float16, torch.bfloat16):
        module, images = copy.deepcopy(module).float(), images.float()
    with _full_precision(images.device.type), capture(module, [layer], gradients=False, grids=grids) as forward:
        result = forward(images[:2])
    return find_head(module, result.activations[layer], result.logits)


def find_head(module: nn.Module, activations: Tensor, logits: Tensor) -> Head | None:
    """The head between a layer and the logits, or None when no linear one explains them.

    Parameters
    ----------
    activations : (B, K, H, W) of the layer, as captured. logits : (B, C) of the same forward.

    Every linear layer or 1x1 convolution from K to C is tried, then the identity where K = C. It must give each logit
    within 64 unit roundoffs of their type (float32: 3.8e-6), relative to the sum of the magnitudes that make it up. So
    both must come from full precision, see `head_behind`: what autocast or TF32 round off hides what lies between.
    """
    k, c = activations.shape[1], logits.shape[1]
    a, y = activations.detach().double(), logits.detach().double()
    tolerance = ROUNDING * float(torch.finfo(logits.dtype).eps) / 2
    kinds: tuple[Kind, ...] = ("linear", "relu_linear")
    for weight, bias, is_conv in _candidates(module, k, c):
        w = weight.detach().to(a).reshape(c, k)
        if not bool(w.any()):
            continue  # a head of zeros (torchvision's untrained ViT) explains nothing
        b = torch.zeros(c).to(a) if bias is None else bias.detach().to(a)
        for kind in (*kinds, "conv") if is_conv else kinds:
            if _explains(kind, a, w, b, y, tolerance):
                return Head(w.to(logits), b.to(logits), kind, kind == "linear")
    if k == c:
        w, b = torch.eye(c).to(a), torch.zeros(c).to(a)
        for kind in kinds:
            if _explains(kind, a, w, b, y, tolerance):
                return Head(w.to(logits), b.to(logits), kind, kind == "linear")
    return None


def _candidates(module: nn.Module, k: int, c: int) -> Iterator[tuple[Tensor, Tensor | None, bool]]:
    """Weight, bias and whether it is a convolution, of every linear map from k channels to c classes."""
    for part in module.modules():
        if isinstance(part, torch.nn.Linear) and (part.in_features, part.out_features) == (k, c):
            yield part.weight, part.bias, False
        elif isinstance(part, torch.nn.Conv2d) and tuple(part.weight.shape) == (c, k, 1, 1):
            yield part.weight, part.bias, True


def _explains(kind: Kind, a: Tensor, w: Tensor, b: Tensor, y: Tensor, tolerance: float) -> bool:
    """Whether the formula gives (B, C) `y` within `tolerance` of the magnitudes summed up on the way."""
    if kind == "conv":
        scores = torch.einsum("ck,bkhw->bchw", w, a) + b[:, None, None]
        expected = scores.relu().mean((2, 3))
    else:
        expected = (a.relu() if kind == "relu_linear" else a).mean((2, 3)) @ w.T + b
    magnitude = a.abs().mean((2, 3)) @ w.abs().T + b.abs()
    return bool(((expected - y).abs() <= tolerance * magnitude).all())


@contextmanager
def _full_precision(device: str) -> Iterator[None]:
    """No autocast and no TF32 for the length of a block."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = False
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before

"""From a signal at the image's colour channels to one map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wsol.methods.blur import blurred

if TYPE_CHECKING:
    from torch import Tensor

Reduce = Literal["max", "sum", "l2"]


def one_map(signal: Tensor, *, reduce: Reduce, absolute: bool, smooth_sigma: float) -> Tensor:
    """(B, 3, h, w) to (B, h, w): absolute values or not, the colours' maximum, sum or norm, then a blur in pixels.

    Input-space maps are noise-like: without a blur one threshold gives thousands of boxes.
    """
    signal = signal.abs() if absolute else signal
    if reduce == "l2":
        raw = signal.square().sum(1).sqrt()
    else:
        raw = signal.amax(1) if reduce == "max" else signal.sum(1)
    return blurred(raw, sigma=smooth_sigma) if smooth_sigma > 0 else raw

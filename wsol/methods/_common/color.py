"""From a signal at the image's colour channels to one map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wsol.methods._common.blur import blurred

if TYPE_CHECKING:
    from torch import Tensor

Reduce = Literal["max", "sum", "l2"]


def one_map(signal: Tensor, *, reduce: Reduce, absolute: bool, smooth_sigma: float) -> Tensor:
    """(B, 3, h, w) to (B, h, w): absolute values or not, the colours' maximum, sum or norm, then a blur in pixels.

    Input-space maps are noise-like: without a blur one threshold gives thousands of boxes.
    """
    signal = signal.abs() if absolute else signal
    raw = _reduced(signal, reduce)
    return blurred(raw, sigma=smooth_sigma) if smooth_sigma > 0 else raw


def _reduced(signal: Tensor, reduce: Reduce) -> Tensor:
    if reduce == "l2":
        return signal.square().sum(1).sqrt()
    return signal.amax(1) if reduce == "max" else signal.sum(1)

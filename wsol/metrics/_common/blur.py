"""The blurred image that insertion starts from: RISE's own kernel, and the Gaussian it was meant to be."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SIDE, SIGMA = 11, 5.0  # RISE's insertion substrate (Petsiuk et al., 2018; eclique/RISE)
TRUNCATE = 4  # scipy.ndimage cuts a Gaussian at four sigma

Blur = Literal["folded", "gaussian"]


def folded_kernel(*, side: int = SIDE, sigma: float = SIGMA) -> NDArray[np.float32]:
    """(side, side) float32: what the official code convolves with.

    It blurs a unit impulse on a side x side grid with a Gaussian that is mirrored at the grid's borders, so that all
    that would lie outside is folded back in: almost a box filter (center over corner is 1.14 instead of 2.72).
    """
    radius = int(TRUNCATE * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    gauss = np.exp(-0.5 / sigma**2 * offsets**2)
    gauss /= gauss.sum()
    line = np.zeros(side)
    for i in range(side):  # which of the mirrored positions i + offset is the impulse in the middle
        line[i] = gauss[_mirrored(i + offsets, side) == side // 2].sum()
    return np.outer(line, line).astype(np.float32)


def gaussian_kernel(*, side: int = SIDE, sigma: float = SIGMA) -> NDArray[np.float32]:
    """(side, side) float32: a Gaussian cut to the window, sum 1."""
    line = np.exp(-0.5 / sigma**2 * (np.arange(side) - side // 2) ** 2)
    line /= line.sum()
    return np.outer(line, line).astype(np.float32)


def blurred(image: Tensor, kernel: NDArray[Any], *, border: Literal["zero", "reflect"] = "zero") -> Tensor:
    """(3, h, w) convolved channel by channel with an odd square kernel, same size and dtype.

    Computed in float64: on GPUs a float32 convolution may run at ten bits of mantissa.
    """
    weight = torch.as_tensor(kernel, dtype=torch.float64, device=image.device)[None, None]
    pad = kernel.shape[0] // 2
    mode = "constant" if border == "zero" else "reflect"
    padded = torch.nn.functional.pad(image.double()[:, None], (pad, pad, pad, pad), mode=mode)
    return torch.nn.functional.conv2d(padded, weight)[:, 0].to(image.dtype)


def _mirrored(index: NDArray[Any], side: int) -> NDArray[Any]:
    """Positions outside 0..side-1 to where d c b a | a b c d | d c b a has them."""
    index = index % (2 * side)
    return np.where(index < side, index, 2 * side - 1 - index)

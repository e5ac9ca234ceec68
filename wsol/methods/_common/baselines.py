"""Images without the object: what a score or an integral starts from."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods._common.blur import blurred

Baseline = Literal["zero", "blur"]
BLUR_SIGMA = 10 / 224  # of the shorter side: 10 px at 224, as in RISE's and Fong & Vedaldi's blurred baselines


def baseline_images(images: Tensor, baseline: Baseline) -> Tensor:
    """(B, 3, h, w): zeros, which is the mean color in normalized values, or the blurred images."""
    if baseline == "zero":
        return torch.zeros_like(images)
    return blurred(images, sigma=BLUR_SIGMA * min(images.shape[-2:]))

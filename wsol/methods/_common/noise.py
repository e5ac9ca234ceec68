"""Noisy copies of images, the same for an image whatever the batch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from wsol.methods._features import LayerFeatures


def noisy_images(layer: LayerFeatures, *, samples: int, noise: float, salt: str = "noise") -> Iterator[Tensor]:
    """`samples` times the batch (B, 3, h, w) with Gaussian noise of `noise` times each image's (max - min).

    Draws come from (run seed, image id), in float64 and on the CPU, so that precision and device see the same noise.
    """
    images = layer.images
    span = images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True)
    generators = layer.generators(salt)
    for _ in range(samples):
        drawn = [torch.randn(images.shape[1:], generator=g, dtype=torch.float64) for g in generators]
        yield images + noise * span * torch.stack(drawn).to(images)

"""Test-time augmentation of another method."""

from dataclasses import replace

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.meta import BASE, base_method
from wsol.methods._common.sizes import largest, pass_at, resized
from wsol.options import option

SCALES = (0.9, 1.0, 1.1)  # pytorch-grad-cam's `aug_smooth` values, there factors of the pixel values


@method(
    "tta",
    paper="test-time augmentation: flips and sizes, mean of another method's maps",
    year=2020,
    needs=("activations", "model"),
    cost="7F + 6B",
)
class TTA:
    """Test-time augmentation: another method's maps of the image and its mirror image at three sizes, averaged.

    M = mean over sizes s and mirrorings f of f^-1(U(base method at f(x_s)));  s in 0.9, 1, 1.1 of the input's sides

    Traps: pytorch-grad-cam's version multiplies the normalized pixels by 0.9, 1 and 1.1, which is not a change of size.
    Maps are averaged as they are, without a stretch, at the largest one's size.
    """

    base: str = option("gradcam", help=BASE)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        base = base_method(self.base, of="tta")
        height, width = layer.input_size
        maps = []
        for scale in sorted(SCALES, reverse=True):
            larger = resized(layer.images, (round(height * scale), round(width * scale)))
            for mirrored in (False, True):
                images = larger.flip(-1) if mirrored else larger
                raw = base(features_of(layer, images))
                maps.append(raw.flip(-1) if mirrored else raw)
        return torch.stack([resized(m, largest(maps)) for m in maps]).mean(0)


def features_of(layer: LayerFeatures, images: Tensor) -> LayerFeatures:
    """The same layer for other images of the same classes."""
    result = pass_at(layer, images)
    return replace(
        layer,
        activations=result.activations[layer.name],
        _gradients=result.gradients[layer.name],
        logits=result.logits,
        images=images,
        memo={},
    )

"""Activations as masks over the image, and the scores of the image behind them.

The Score-CAM family shares this: one sweep of masked forwards gives logits and probabilities for every variant that
uses the same masks. Masks and masked images exist one chunk at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._fusion import upsample

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.methods._base import LayerFeatures

Order = Literal["norm_after_up", "norm_before_up"]
Score = Literal["prob", "logit"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Target scores (B, K) of each image behind each of K masks; 0 where no mask was tried."""

    logits: Tensor
    probabilities: Tensor

    def of(self, score: Score) -> Tensor:
        return self.probabilities if score == "prob" else self.logits


def minmax(maps: Tensor) -> Tensor:
    """(..., H, W) stretched to [0, 1], each map alone; a flat map becomes 0."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    span = high - low
    return torch.where(span > 0, (maps - low) / torch.where(span > 0, span, 1), 0)


def quantile(values: Tensor, share: float) -> Tensor:
    """(..., n) to (...), with linear interpolation; torch's own refuses more than 16 million values."""
    ordered = values.sort(-1).values
    place = share * (values.shape[-1] - 1)
    below = int(place)
    low, high = ordered[..., below], ordered[..., min(below + 1, values.shape[-1] - 1)]
    return low + (place - below) * (high - low)


def live_channels(activations: Tensor) -> Tensor:
    """(B, K) whether a channel has a shape at all: a flat one, dead or not, makes no mask.

    Asked of the activations, not of their upsampling, whose rounding makes a flat channel look alive.
    """
    return activations.amax((2, 3)) > activations.amin((2, 3))


def image_masks(maps: Tensor, size: tuple[int, int], order: Order) -> Tensor:
    """(N, H, W) maps to (N, *size) masks in [0, 1]: upsampled, then stretched, or the other way round."""
    if order == "norm_before_up":
        return upsample(minmax(maps), size)
    return minmax(upsample(maps, size))


def channel_scores(layer: LayerFeatures, *, order: Order, wanted: Tensor | None = None) -> Scores:
    """Scores of the image times each live channel's mask, x * s(U(A_k)); shared by all variants with these masks.

    Parameters
    ----------
    wanted : (B, K) the only channels to try.
    """
    live = live_channels(layer.activations)
    size = (layer.images.shape[-2], layer.images.shape[-1])

    def inputs(image: Tensor, channel: Tensor) -> Tensor:
        return behind(layer.images[image], image_masks(layer.activations[image, channel], size, order))

    chosen = None if wanted is None else tuple(wanted.flatten().nonzero()[:, 0].tolist())
    if wanted is not None and layer.has(("channel_scores", order, None)):
        every: Scores = layer.part(("channel_scores", order, None), int((live & wanted).sum()))
        tried = live & wanted
        return Scores(torch.where(tried, every.logits, 0), torch.where(tried, every.probabilities, 0))
    return layer.once(
        ("channel_scores", order, chosen),
        lambda: sweep(layer, live if wanted is None else live & wanted, inputs),
    )


def behind(images: Tensor, masks: Tensor) -> Tensor:
    """One image (3, h, w), or one per mask (m, 3, h, w), behind masks (m, h, w), in the image's precision."""
    return images * masks[:, None].to(images.dtype)


def sweep(layer: LayerFeatures, wanted: Tensor, inputs: Callable[[Tensor, Tensor], Tensor]) -> Scores:
    """Scores of one network input for every wanted mask of every image; all of them fill chunks together.

    Parameters
    ----------
    wanted : (B, K).
    inputs : from m images' places in the batch and m masks' numbers (both ascending) to (m, 3, h, w).
    """
    image, mask = wanted.nonzero(as_tuple=True)
    logits = torch.zeros(wanted.shape, dtype=layer.logits.dtype, device=layer.logits.device)
    probabilities = torch.zeros_like(logits)
    logits[image, mask], probabilities[image, mask] = input_scores(
        layer, image, lambda part: inputs(image[part], mask[part])
    )
    return Scores(logits, probabilities)


def input_scores(layer: LayerFeatures, image: Tensor, inputs: Callable[[slice], Tensor]) -> tuple[Tensor, Tensor]:
    """(n,) logits and (n,) probabilities of n network inputs, each for the target of the image it is made from.

    Parameters
    ----------
    image : (n,) places in the batch.
    inputs : makes a slice of the network inputs, (m, 3, h, w); called once for each chunk, in order.
    """
    targets = layer.targets[image][:, None]
    logits = torch.zeros(len(image), dtype=layer.logits.dtype, device=layer.logits.device)
    probabilities = torch.zeros_like(logits)
    for part, found in layer.query.stream(inputs(part) for part in layer.query.parts(len(image))):
        logits[part] = found.gather(1, targets[part])[:, 0]
        probabilities[part] = found.softmax(1).gather(1, targets[part])[:, 0]
    return logits, probabilities


def masked_scores(layer: LayerFeatures, count: int, masks: Callable[[slice], Tensor], score: Score) -> Tensor:
    """(count, B) scores of every image of the batch behind every one of `count` masks.

    Parameters
    ----------
    masks : makes a slice of the masks, (m, h, w).
    """
    batch = len(layer.images)
    pair = torch.arange(count * batch, device=layer.images.device)

    def inputs(part: slice) -> Tensor:
        first = part.start // batch
        some = masks(slice(first, (part.stop - 1) // batch + 1))
        return behind(layer.images[pair[part] % batch], some[pair[part] // batch - first])

    logits, probabilities = input_scores(layer, pair % batch, inputs)
    return (probabilities if score == "prob" else logits).view(count, batch)


def image_scores(layer: LayerFeatures, images: Tensor, score: Score) -> Tensor:
    """(B,) target scores of other images in place of the batch's."""
    logits = layer.query.logits(images)
    return target_scores(logits, layer.targets, score)


def target_scores(logits: Tensor, targets: Tensor, score: Score) -> Tensor:
    """(B, C) logits and (B,) classes to (B,) logits or softmax probabilities."""
    return (logits.softmax(1) if score == "prob" else logits).gather(1, targets[:, None])[:, 0]


def weighted_map(weights: Tensor, activations: Tensor) -> Tensor:
    """ReLU(sum_k w_k A_k), (B, K) and (B, K, H, W) to (B, H, W)."""
    return (weights[:, :, None, None] * activations).sum(1).relu()


def live_softmax(scores: Tensor, live: Tensor) -> Tensor:
    """(B, K) softmax over the live channels, 0 for the others; all 0 where none lives."""
    weights = scores.masked_fill(~live, -torch.inf).softmax(1)
    return torch.where(live, weights, 0)

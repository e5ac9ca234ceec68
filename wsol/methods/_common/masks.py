"""Activations as masks over the image, and the scores of the image behind them.

The Score-CAM family shares this: one sweep of masked forwards gives logits and probabilities for every variant that
uses the same masks. Masks and masked images exist one chunk at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wsol.methods._common.sizes import resized
from wsol.methods._common.stretch import minmax
from wsol.methods._features import LayerFeatures
from wsol.models.scores import target_logit, target_probability

Order = Literal["norm_after_up", "norm_before_up"]
Score = Literal["prob", "logit"]
SCORE = "what is taken of the target class: softmax probability or logit"  # help of an option
ORDER = "stretch masks after upsampling (paper) or before (torch-cam)"  # help of an option
SOFTMAX = "softmax of the scores over channels; false takes them as weights"  # help of an option


@dataclass(frozen=True, slots=True)
class Scores:
    """Target scores (B, K) of each image behind each of K masks; 0 where no mask was tried."""

    logits: Tensor
    probabilities: Tensor

    def of(self, score: Score) -> Tensor:
        return self.probabilities if score == "prob" else self.logits


def live_channels(activations: Tensor) -> Tensor:
    """(B, K) whether a channel has a shape at all: a flat one, dead or not, makes no mask.

    Tested on the activations and not on their upsampling, whose rounding gives a flat channel a shape.
    """
    return activations.amax((2, 3)) > activations.amin((2, 3))


def image_masks(maps: Tensor, size: tuple[int, int], order: Order) -> Tensor:
    """(N, H, W) maps to (N, *size) masks in [0, 1]: upsampled, then stretched, or the other way round."""
    if order == "norm_before_up":
        return resized(minmax(maps), size)
    return minmax(resized(maps, size))


def channel_scores(layer: LayerFeatures, *, order: Order, wanted: Tensor | None = None) -> Scores:
    """Scores of the image times each live channel's mask, x * s(U(A_k)); shared by all variants with these masks.

    Parameters
    ----------
    wanted : (B, K) the only channels to try.
    """
    live = live_channels(layer.activations)

    def inputs(image: Tensor, channel: Tensor) -> Tensor:
        return behind(layer.images[image], image_masks(layer.activations[image, channel], layer.input_size, order))

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
    targets = layer.targets[image]
    logits = torch.zeros(len(image), dtype=layer.logits.dtype, device=layer.logits.device)
    probabilities = torch.zeros_like(logits)
    for part, scores in layer.query.stream(inputs(part) for part in layer.query.parts(len(image))):
        logits[part] = target_logit(scores, targets[part])
        probabilities[part] = target_probability(scores, targets[part])
    return logits, probabilities


def channel_weights(scores: Tensor, live: Tensor, *, softmax: bool) -> Tensor:
    """(B, K) scores as weights of the live channels, by a softmax over these or as they are; 0 for the others."""
    weights = scores.masked_fill(~live, -torch.inf).softmax(1) if softmax else scores
    return torch.where(live, weights, 0)


def sampled_scores(
    layer: LayerFeatures, samples: int, inputs: Callable[[Tensor, Tensor, Tensor], Tensor], score: Score
) -> Tensor:
    """(B, K) mean scores of each live channel over `samples` inputs; 0 for the others.

    Parameters
    ----------
    inputs : from m sample numbers, images' places in the batch and channels (in this order ascending) to (m, 3, h, w).
    """
    wanted = live_channels(layer.activations).expand(samples, *layer.activations.shape[:2])
    sample, image, channel = wanted.nonzero(as_tuple=True)
    logits, probabilities = input_scores(layer, image, lambda part: inputs(sample[part], image[part], channel[part]))
    scores = torch.zeros(wanted.shape, dtype=layer.logits.dtype, device=layer.logits.device)
    scores[sample, image, channel] = probabilities if score == "prob" else logits
    return scores.sum(0) / samples


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


def sum_of_masks(layer: LayerFeatures, weights: Tensor, masks: Callable[[slice], Tensor]) -> Tensor:
    """(B, h, w) sum_i w_i m_i from (count, B) weights; masks are made a slice at a time, as in `masked_scores`."""
    raw = torch.zeros(weights.shape[1], *layer.input_size, dtype=weights.dtype, device=weights.device)
    for part in layer.query.parts(len(weights)):
        some = masks(part)
        for image, total in enumerate(raw):
            total += (weights[part, image, None, None] * some).sum(0)
    return raw


def score_falls(layer: LayerFeatures, covers: Tensor, score: Score) -> Tensor:
    """(count, B) how much each image's score falls when zeros cover it where a cover (count, h, w) is 1 and not 0."""
    kept = masked_scores(layer, len(covers), lambda part: 1 - covers[part], score)
    return target_scores(layer.logits, layer.targets, score) - kept


def image_scores(layer: LayerFeatures, images: Tensor, score: Score) -> Tensor:
    """(B,) target scores of other images in place of the batch's."""
    logits = layer.query.logits(images)
    return target_scores(logits, layer.targets, score)


def target_scores(logits: Tensor, targets: Tensor, score: Score) -> Tensor:
    """(B, C) logits and (B,) classes to (B,) logits or probabilities."""
    return target_probability(logits, targets) if score == "prob" else target_logit(logits, targets)


def weighted_sum(weights: Tensor, activations: Tensor) -> Tensor:
    """sum_k w_k A_k, (B, K) and (B, K, H, W) to (B, H, W) in the activations' precision."""
    return (weights.to(activations.dtype)[:, :, None, None] * activations).sum(1)


def weighted_map(weights: Tensor, activations: Tensor) -> Tensor:
    """ReLU(sum_k w_k A_k), as `weighted_sum`."""
    return weighted_sum(weights, activations).relu()

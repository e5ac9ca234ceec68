"""Scores of some channels' masks, and values in place of the scores of the others.

Certified: channels that vary most over the map are tried first, since the weights of flat ones move no box, until the
others can't change the box. Approximate: a fixed share is tried, those that say most about the others, whose scores are
then predicted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from wsol.errors import ConfigError
from wsol.methods._common.box_bounds import Cut, box_is_certain
from wsol.methods._common.masks import Order, Score, Scores, behind, image_masks, target_scores
from wsol.methods._common.predicted_scores import predicted, representatives
from wsol.methods._common.stretch import minmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.methods._features import LayerFeatures

Stop = Literal["exact", "certified", "approximate"]
EVERY = 8  # channels from one check of the bounds to the next; fixed, so that no map depends on the chunk


@dataclass(frozen=True, slots=True)
class Weighting:
    """How a probability becomes a channel's weight: what the bounds need to know of a variant.

    Attributes
    ----------
    softmax : w = exp(p), up to a factor that no normalized map shows; otherwise w = p - baseline.
    """

    softmax: bool
    baseline: float = 0.0

    def weight(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(probabilities) if self.softmax else probabilities - self.baseline

    @property
    def middle(self) -> float:
        """The probability whose weight is in the middle of those of 0 and 1."""
        return math.log((1 + math.e) / 2) if self.softmax else 0.5


def certified_scores(layer: LayerFeatures, used: Tensor, order: Order, cut: Cut, baselines: Tensor | None) -> Tensor:
    """(B, K) probabilities, tried until the box of each image is certain (`box_bounds`); then the middle for the rest.

    Parameters
    ----------
    used : (B, K) the channels that have a weight.
    baselines : (B,) what is subtracted of probabilities taken as weights; None for a softmax over channels.
    """
    scores = torch.zeros(used.shape, dtype=layer.logits.dtype, device=layer.logits.device)
    for image, wanted in enumerate(used):
        weighting = Weighting(baselines is None, 0.0 if baselines is None else float(baselines[image]))
        ranked = _most_varied(layer, image, wanted)
        maps = layer.activations[image, ranked].double().cpu().numpy()
        low, high = weighting.weight(np.array([0.0, 1.0]))
        for start in range(0, len(ranked), EVERY):
            some, left = ranked[start : start + EVERY], ranked[start + EVERY :]
            scores[image, some] = _tried(layer, image, some, order, "prob")
            known = scores[image, ranked].double().cpu().numpy()
            unknown = np.arange(len(ranked)) >= start + EVERY
            if len(left) and box_is_certain(maps, weighting.weight(known), unknown, low, high, cut):
                scores[image, left] = weighting.middle
                break
    return scores


def approximate_scores(layer: LayerFeatures, used: Tensor, order: Order, score: Score, share: float) -> Tensor:
    """(B, K) scores, tried for a share of the channels; for the others predicted from these (`predicted_scores`).

    The image's own score, which is that of a mask of ones, is known as well.
    """
    scores = torch.zeros(used.shape, dtype=layer.logits.dtype, device=layer.logits.device)
    whole = target_scores(layer.logits, layer.targets, score).double()
    for image, wanted in enumerate(used):
        channels = wanted.nonzero()[:, 0]
        if not len(channels):
            continue
        activations = layer.activations[image, channels].double()
        cells, spread = minmax(activations).flatten(1), activations.flatten(1).std(1, correction=0)
        places = representatives(cells, spread, max(1, round(share * len(channels))))
        for part in layer.query.parts(len(places)):
            some = channels[places[part]]
            scores[image, some] = _tried(layer, image, some, order, score)
        left = torch.ones(len(channels), dtype=torch.bool, device=places.device)
        left[places] = False
        known = torch.cat([scores[image, channels[places]].double(), whole[image : image + 1]])
        masks = torch.cat([cells[places], torch.ones_like(cells[:1])])
        rest = predicted(masks, known, cells[left])
        rest = rest.clamp(0, 1) if score == "prob" else rest
        scores[image, channels[left]] = rest.to(scores.dtype)
    return scores


def _most_varied(layer: LayerFeatures, image: int, wanted: Tensor) -> Tensor:
    """The wanted channels of an image, those of largest spatial standard deviation first."""
    channels = wanted.nonzero()[:, 0]
    spread = layer.activations[image, channels].flatten(1).std(1, correction=0)
    return channels[spread.argsort(stable=True, descending=True)]


def _tried(layer: LayerFeatures, image: int, channels: Tensor, order: Order, score: Score) -> Tensor:
    """(m,) scores of an image behind the masks of some of its channels; exact Score-CAM's own where it ran before."""
    every_channel = ("channel_scores", order, None)
    if layer.has(every_channel):
        known: Scores = layer.part(every_channel, len(channels))
        return known.of(score)[image, channels]
    masks = image_masks(layer.activations[image, channels], layer.input_size, order)
    logits = layer.query.logits(behind(layer.images[image], masks))
    return target_scores(logits, layer.targets[image].expand(len(channels)), score)


def check_bounded(score: Score) -> None:
    """Raises ConfigError for a score that has no bounds."""
    if score != "prob":
        raise ConfigError("stop=certified needs score=prob, which lies in [0, 1]; a logit has no bounds")

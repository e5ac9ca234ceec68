"""What is differentiated of a class, or compared between images: its logit, its probability, or the logarithm of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    Score = Callable[[Tensor, Tensor], Tensor]


def target_logit(logits: Tensor, targets: Tensor) -> Tensor:
    """(B, C) logits and (B,) classes to (B,) scores: the score of the field, before the softmax.

    Through the softmax gradients would carry p(1 - p), which vanishes for confident images (Selvaraju et al., 2017).
    """
    return logits.gather(1, targets[:, None])[:, 0]


def class_probabilities(logits: Tensor) -> Tensor:
    """(B, C) logits to (B, C) probabilities: their softmax; the sigmoid of a single one, whose softmax is always 1."""
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)


def target_probability(logits: Tensor, targets: Tensor) -> Tensor:
    """(B, C) logits and (B,) classes to (B,) probabilities."""
    return target_logit(class_probabilities(logits), targets)


def target_logprob(logits: Tensor, targets: Tensor) -> Tensor:
    """(B, C) logits and (B,) classes to (B,) logarithms of probabilities."""
    logs = torch.nn.functional.logsigmoid(logits) if logits.shape[1] == 1 else logits.log_softmax(1)
    return target_logit(logs, targets)

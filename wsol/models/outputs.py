"""What a network puts out, read as logits: probabilities, and the one logit of a network that tells two classes apart.

The network itself changes, by a hook on its output, so that every pass, layer name and gradient stays what it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from wsol.models.classifier import Classifier

if TYPE_CHECKING:
    from torch import Tensor, nn

TINY = 1e-30  # probabilities below it are taken as this: the logarithm of zero is no score
SUM = 1e-3  # how far from 1 the sum of rounded probabilities may be


def are_probabilities(logits: Tensor) -> bool:
    """Whether (B, C) outputs of C > 1 classes are those of a softmax: none below 0, and each row sums to 1."""
    if logits.shape[1] < 2 or not len(logits):
        return False
    return bool((logits >= 0).all() & ((logits.sum(1) - 1).abs() < SUM).all())


def from_probabilities(classifier: Classifier) -> Classifier:
    """A network that puts out probabilities as one of logits: log p, or log p / (1 - p) of a single one."""

    def logits(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        logs = output.clamp_min(TINY).log()
        return logs if output.shape[1] > 1 else logs - (1 - output).clamp_min(TINY).log()

    return _with_output(classifier, logits, "probabilities", classifier.num_classes)


def two_classes(classifier: Classifier) -> Classifier:
    """A network of one logit z as one of two classes, 0 and 1, with logits -z/2 and z/2: p(1) is the sigmoid of z."""

    def logits(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        return torch.cat([-output / 2, output / 2], 1)

    return _with_output(classifier, logits, "one logit as two classes", 2)


def _with_output(classifier: Classifier, hook: Any, label: str, classes: int) -> Classifier:
    classifier.module.register_forward_hook(hook)
    identity = f"{classifier.weights_source}, {label}:{classifier.weights_digest}"
    names = classifier.class_names if len(classifier.class_names) == classes else ()
    return replace(classifier, num_classes=classes, class_names=names, weights_id=identity)

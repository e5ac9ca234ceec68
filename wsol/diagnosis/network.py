"""What a network takes and has: its input, its stages, the head behind the last one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from wsol.diagnosis.finding import Finding
from wsol.models.heads import head_behind
from wsol.models.outline import outline
from wsol.models.stages import stages
from wsol.models.tokens import Grids

if TYPE_CHECKING:
    from wsol.models.classifier import Classifier

HEADS = {
    "linear": "average pooling and one linear layer",
    "relu_linear": "a ReLU, average pooling and one linear layer",
    "conv": "a convolution to class maps, a ReLU and average pooling",
}


def network(classifier: Classifier) -> Iterator[Finding]:
    """Three notes on a network that was loaded."""
    side = classifier.input_size
    mean, std = (", ".join(f"{value:.3g}" for value in values) for values in (classifier.mean, classifier.std))
    yield Finding("note", "model", f"input: {side} x {side}, RGB in [0, 1] less ({mean}), over ({std})")
    found, outputs = stages(classifier), outline(classifier)
    if not found:
        return
    sizes = []
    for stage, name in found.items():
        shape = (outputs[name].channels, *outputs[name].grid)
        sizes.append(f"{stage if stage == name else f'{stage} {name}'} {' x '.join(map(str, shape))}")
    yield Finding("note", "model", f"stages: {', '.join(sizes)}")
    last = list(found.values())[-1]
    weight = next((p for p in classifier.module.parameters() if p.is_floating_point()), torch.zeros(()))
    images = torch.rand((2, 3, side, side), generator=torch.Generator().manual_seed(0)).to(weight)
    head = head_behind(classifier.module, last, images, grids=dict(Grids(classifier)))
    text = HEADS[head.kind] if head is not None else "none that is linear; cam does not apply, gradcam does"
    yield Finding("note", "model", f"head behind {last}: {text}")

"""Do methods keep what every method must (`wsol.testing`)?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from wsol.diagnosis.finding import Finding
from wsol.evaluation.build import variants_of
from wsol.models.tokens import Grids
from wsol.testing import RULES, Trial

if TYPE_CHECKING:
    from wsol.models.classifier import Classifier


def methods(settings: Mapping[str, Any], classifier: Classifier, *, outside_only: bool) -> Iterator[Finding]:
    """On random images in float64: a finding for a method that keeps the rules, or for each rule it breaks.

    Parameters
    ----------
    outside_only : pass over the package's own methods, which its tests check: Score-CAM takes minutes here.
    """
    side, count = classifier.input_size, min(3, classifier.num_classes)
    images = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variants = variants_of(settings, classifier)
    known = dict(Grids(classifier))
    module = classifier.module.double().eval()
    for variant in variants:
        if outside_only and not variant.source:
            continue
        targets = tuple(i % count for i in range(len(images)))
        complaints = _complaints(Trial(variant.method, module, images, targets, variant.modules, known))
        yield from (Finding("bad", "method", f"{variant.id}: {text}") for text in complaints)
        if not complaints:
            kept = f"method {variant.id} keeps the {len(RULES)} rules of every method, on {classifier.name}"
            yield Finding("ok", "method", kept)


def _complaints(trial: Trial) -> list[str]:
    complaints: list[str] = []
    for rule in RULES:
        try:
            text = rule(trial)
        except (Exception, SystemExit) as error:  # somebody's own file: whatever it raises is what is wrong
            return [*complaints, f"{type(error).__name__}: {error}"]
        complaints += [text] if text else []
    return complaints

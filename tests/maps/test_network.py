"""Raw maps from a network: the precision of its queries."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wsol.datasets.ranks import probabilities_of
from wsol.maps.extractor import MapExtractor
from wsol.models.zoo import load_classifier


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_metrics_are_answered_in_the_precision_of_the_shared_pass(precision: str) -> None:
    """Else an image would lose confidence when nothing of it is hidden."""
    classifier = load_classifier("shapes_gap", weights="random")
    classifier.module.eval().to(torch.float64 if precision == "float64" else torch.float32)
    extractor = MapExtractor(classifier, chunk=4, autocast=torch.bfloat16 if precision == "bfloat16" else None)
    images = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(1)).to(extractor.dtype)
    shared = extractor.maps(images, torch.zeros(4, dtype=torch.long), list("abcd"), []).logits
    queried = extractor.query.logits(images).numpy()
    assert queried.dtype == shared.dtype
    np.testing.assert_allclose(probabilities_of(queried[0]), probabilities_of(shared[0]), rtol=1e-6)

"""A network that is looked at and asked again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wsol.looking import Looker
from wsol.models.base import load_classifier
from wsol.rows import softmax
from wsol.variants import config_of, expand


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_metrics_are_answered_in_the_precision_of_the_look(precision: str) -> None:
    """Else an image would lose confidence when nothing of it is hidden."""
    looker = Looker(load_classifier("shapes_gap", weights="random"), device="cpu", precision=precision, seed=0, chunk=4)
    images = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(1)).to(looker.dtype)
    looked = looker.maps(images, torch.zeros(4, dtype=torch.long), list("abcd"), []).logits
    asked = looker.query.logits(images).numpy()
    assert asked.dtype == looked.dtype
    np.testing.assert_allclose(softmax(asked[0]), softmax(looked[0]), rtol=1e-6)


def test_maps_that_are_no_numbers_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    looker = Looker(load_classifier("shapes_gap", weights="random"), device="cpu", precision="float32", seed=0, chunk=4)
    (variant,) = expand({"gradcam": config_of("gradcam")}, resolve=str, stages=["stage5"])
    maps = np.ones((3, 2, 2))
    looker._look_for_nan(variant, maps)
    assert caplog.text == ""
    maps[1, 0, 1] = np.nan
    for _ in range(2):
        looker._look_for_nan(variant, maps)
    assert caplog.text.count("gradcam@stage5: 1 of 3 maps hold NaN or infinite values and find nothing") == 1

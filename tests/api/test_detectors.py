"""Worked examples of networks that are not classifiers: the target is a function of whatever they return.

A detector is explained by the score of one of its boxes, a segmenter by the mean logit of a class over a region.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models import detection, segmentation

import wsol

Score = Callable[[Any, Tensor], Tensor]
SIDE = 96
NO_WEIGHTS = {"weights": None, "weights_backbone": None}


def best_box(output: list[dict[str, Tensor]], images: Tensor) -> Tensor:
    """(B,) the score of each image's best box: torchvision's detectors return one dictionary per image."""
    return torch.stack([found["scores"].max() for found in output])


def second_class(output: list[dict[str, Tensor]], images: Tensor) -> Tensor:
    """(B,) the score of each image's best box of class 2."""
    return torch.stack([found["scores"][found["labels"] == 2].max() for found in output])


def region(output: dict[str, Tensor], images: Tensor) -> Tensor:
    """(B,) the mean logit of class 2 over a rectangle of pixels."""
    return output["out"][:, 2, 20:60, 30:80].mean((1, 2))


def faster_rcnn() -> torch.nn.Module:
    sizes = {"min_size": SIDE, "max_size": SIDE, "rpn_pre_nms_top_n_test": 50, "rpn_post_nms_top_n_test": 20}
    return detection.fasterrcnn_mobilenet_v3_large_320_fpn(**NO_WEIGHTS, num_classes=4, box_score_thresh=0.0, **sizes)


CASES = {
    "fasterrcnn_best_box": (faster_rcnn, "backbone.body.16", best_box),
    "fasterrcnn_class": (faster_rcnn, "backbone.body.13", second_class),
    "ssdlite_best_box": (
        partial(detection.ssdlite320_mobilenet_v3_large, **NO_WEIGHTS, num_classes=4, score_thresh=0.0),
        "backbone.features.1.0",
        best_box,
    ),
    "deeplab_region": (
        partial(segmentation.deeplabv3_mobilenet_v3_large, **NO_WEIGHTS, num_classes=4),
        "backbone.16",
        region,
    ),
    "lraspp_region": (
        partial(segmentation.lraspp_mobilenet_v3_large, **NO_WEIGHTS, num_classes=4),
        "backbone.16",
        region,
    ),
}


def twin(model: torch.nn.Module, layer: str, images: Tensor, score: Score) -> tuple[Tensor, Tensor]:
    """Activations of the layer, and the gradient of the score by a zero that is added to them."""
    kept: dict[str, Tensor] = {}

    def add(module: torch.nn.Module, args: Any, output: Tensor) -> Tensor:
        kept["a"], kept["zero"] = output.detach().clone(), torch.zeros_like(output, requires_grad=True)
        return output + kept["zero"]

    handle = model.get_submodule(layer).register_forward_hook(add)
    total = score(model(images), images).sum()
    handle.remove()
    (gradients,) = torch.autograd.grad(total, kept["zero"])
    return kept["a"], gradients


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("case", CASES)
def test_a_score_of_boxes_or_of_a_region_is_explained_like_a_class(case: str) -> None:
    build, layer, score = CASES[case]
    torch.manual_seed(1)
    model = build().eval()
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # untrained, the activations fade
            torch.nn.init.normal_(part.bias, std=0.5)
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    activations, gradients = twin(model, layer, images, score)
    expected = {
        "gradcam": (gradients.mean((2, 3), keepdim=True) * activations).sum(1),
        "layercam": (gradients.relu() * activations).sum(1).relu(),
    }
    assert all(maps.abs().amax((1, 2)).min() > 0 for maps in expected.values())
    for method, maps in expected.items():
        options = {"relu": False} if method == "gradcam" else {}
        given = np.asarray(wsol.attribute(model, images, method, layers=layer, target=score, **options))
        np.testing.assert_allclose(given, maps.numpy(), rtol=0, atol=1e-5 * float(maps.abs().max()), err_msg=method)

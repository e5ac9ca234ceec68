"""Arguments of the Python face that don't fit: one sentence each, and never a number made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wsol
from wsol.errors import WsolError
from wsol.report.figures.overlay import LONGEST_PX

NAN = float("nan")
SIZES = [(8, 6)] * 2
BOX = [[1, 1, 6, 5]]


def net() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = (torch.nn.Conv2d(3, 4, 3, 2, 1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 3))


def evaluate(**options: Any) -> Any:
    data = [(np.zeros((16, 16, 3), np.uint8), 0, [[0, 0, 8, 8]])]
    return wsol.evaluate(net(), data, **{"methods": ["gradcam"], "protocols": ["exact"], "layers": "0", **options})


def attribute(**options: Any) -> Any:
    return wsol.attribute(net(), torch.rand(2, 3, 16, 16), "gradcam", layers="0", **options)


def localize(maps: Any = None, sizes_wh: Any = SIZES, **options: Any) -> Any:
    return wsol.localize(np.random.default_rng(0).random((2, 3, 3)) if maps is None else maps, sizes_wh, **options)


def update(boxes: Any = (BOX, BOX), **options: Any) -> Any:
    return wsol.MaxBoxAcc().update(np.random.default_rng(0).random((2, 3, 3)), boxes, SIZES, **options)


WRONG: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (evaluate, {"seed": -1}, "seed=-1 is out of range; give 0 or more"),
    (evaluate, {"seed": "x"}, "seed='x' is not valid; expected int"),
    (evaluate, {"seed": True}, "seed=True is not valid; expected int"),
    (evaluate, {"gallery": -1}, "gallery=-1 is out of range"),
    (evaluate, {"limit": "3"}, "limit='3' is not valid"),
    (evaluate, {"limit": 0}, "limit=0 is out of range; give 1 or more"),
    (evaluate, {"input_size": 0}, "input_size=0 is out of range; give 8 or more and at most 4096"),
    (evaluate, {"batch_size": 0}, "batch_size=0 is out of range"),
    (evaluate, {"std": 0}, "std=0: a deviation is above 0"),
    (evaluate, {"mean": NAN}, "a normalization of nan; expected finite numbers"),
    (evaluate, {"mean": "x"}, "'x' is not a normalization"),
    (evaluate, {"protocols": [5]}, "protocol=5: expected a name"),
    (evaluate, {"metrics": {"drop": 5}}, "metrics: the options of drop are 5; expected a mapping by name"),
    (attribute, {"seed": -1}, "seed=-1 is out of range"),
    (attribute, {"chunk": 0}, "chunk=0 is out of range"),
    (attribute, {"input_size": 10**6}, "input_size=1000000 is out of range"),
    (attribute, {"target": True}, "a target True is not a class"),
    (attribute, {"image_ids": ["a"]}, "image_ids has 1 entries for 2 images; give one per image"),
    (localize, {"tau": "x"}, "tau='x' is not valid; expected float"),
    (localize, {"tau": NAN}, "tau=nan is out of range"),
    (localize, {"sizes_wh": [(8, 6), (0, 6)]}, r"sizes_wh\[1\]=\(0, 6\): expected \(width, height\)"),
    (localize, {"sizes_wh": [(8, 6), (8.5, 6)]}, r"sizes_wh\[1\]"),
    (localize, {"sizes_wh": [8, 6]}, r"sizes_wh\[0\]=8"),
    (localize, {"sizes_wh": [("a", 6)] * 2}, r"sizes_wh\[0\]"),
    (localize, {"boxes": ([[5, 5, 1, 1]], BOX)}, r"box \[5, 5, 1, 1\] of image '0' in boxes is inverted"),
    (localize, {"boxes": (BOX, [[NAN] * 4])}, "has a coordinate that is not a number"),
    (localize, {"boxes": (BOX, [[0, 0, 9, 5]])}, "reaches outside its 8x6 image"),
    (localize, {"boxes": ([[0.1, 0.1, 0.5, 0.5]],) * 2}, "so they look normalized"),
    (localize, {"maps": np.full((2, 3, 3), NAN)}, "map 0 has 9 NaN or infinite values of 9"),
    (localize, {"maps": np.ones((2, 3, 3)) * 1j}, "map 0 holds complex128, not real numbers"),
    (localize, {"maps": [None, None]}, "map 0 holds object, not real numbers"),
    (localize, {"maps": np.ones(2)}, r"map 0 has shape \(\); a map is \(h, w\)"),
    (update, {"boxes": None}, "boxes=None: MaxBoxAcc compares with ground truth"),
    (update, {"boxes": (["a"], BOX)}, r"boxes \['a'\] are not numbers"),
    (update, {"labels": [-1, 0]}, r"labels \[-1, 0\] are not class indices"),
    (update, {"labels": ["a", "b"]}, "are not class indices"),
    (update, {"labels": [0.5, 1]}, "are not class indices"),
    (update, {"labels": [0, 9], "logits": np.zeros((2, 3))}, "label 9 is out of range; the logits have 3 classes"),
    (update, {"labels": [0, 1], "logits": np.zeros(2)}, r"logits of type float64 and shape \(2,\)"),
    (update, {"labels": [0, 1], "logits": np.full((2, 3), NAN)}, "logits hold NaN"),
]


@pytest.mark.parametrize(("call", "options", "said"), WRONG)
def test_an_argument_that_does_not_fit_is_one_sentence(
    call: Callable[..., Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(WsolError, match=said) as raised:
        call(**options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("call", [evaluate, attribute, localize, update])
def test_the_same_calls_without_it_are_fine(call: Callable[..., Any]) -> None:
    call()


def test_boxes_of_a_picture_have_four_numbers() -> None:
    with pytest.raises(WsolError, match=r"boxes of shape \(1, 3\) are not boxes"):
        wsol.overlay(np.zeros((8, 8, 3), np.uint8), np.eye(3), boxes=[[1, 2, 3]])


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1), (2, 500)])
def test_a_strip_is_drawn_at_a_size_that_a_screen_holds(shape: tuple[int, int]) -> None:
    """At 320 pixels for its short side, a strip of one row would be a picture of hundreds of millions of pixels."""
    drawn = wsol.overlay(np.zeros((*shape, 3), np.uint8), np.eye(3), gt_boxes=[[0, 0, *shape[::-1]]])
    assert max(drawn.size) <= max(LONGEST_PX, *shape) + 100  # and the lines of the key

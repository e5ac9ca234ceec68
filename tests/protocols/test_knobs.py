"""Every knob of a protocol moves some curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.localization.one_map import Grid, curve, map_of
from wsol.protocols._base import Protocol, protocols

EXACT = protocols["exact"]


# a knob, the preset that it is turned on, and another value
KNOBS: dict[str, tuple[str, Any]] = {
    "space": ("choe2020_v1", "original"),
    "side": ("choe2020_v1", 100),
    "resize": ("choe2020_v1", "nearest"),
    "resize_uint8": ("choe2020_v1", True),
    "normalise": ("choe2020_v1", "max"),
    "percentile": ("ivr2021", 0.8),
    "order": ("choe2020_v1", "normalise_first"),
    "quantise": ("choe2020_v1", "none"),
    "tau": ("choe2020_v1", 0.3),
    "tau_step": ("choe2020_v1", 0.01),
    "compare": ("psol2020", "ge"),
    "connectivity": ("exact", 4),
    "component": ("choe2020_v1", "largest_rect"),
    "candidates": ("cam2016_code", 2),
    "box_end": ("choe2020_v1", "inclusive"),
    "clip": ("choe2020_v1", False),
    "empty": ("choe2020_v1", "full_box"),
    "iou": ("choe2020_v1", "continuous"),
    "gt_boxes": ("choe2020_v1", "first"),
    "gt_origin": ("choe2020_v1", 1),
    "gt_scale": ("choe2020_v1", "divide_first"),
    "gt_rounding": ("choe2020_v1", "none"),
    "refine": ("layercam2021", "none"),
}
ELSEWHERE = {"view", "merge", "hit", "topk_hit", "average", "deltas", "headline", "refine_seed"}


def test_every_knob_is_tried() -> None:
    assert set(KNOBS) | ELSEWHERE == set(EXACT.knobs)


@pytest.mark.parametrize("name", sorted(protocols))
def test_every_protocol_averages_over_images_or_over_classes(name: str) -> None:
    for average in ("images", "classes"):
        assert protocols[name].derive({"average": average}).average == average


@pytest.mark.parametrize("knob", KNOBS)
def test_no_knob_is_dead(knob: str) -> None:
    """On some map and truth among many, the other value gives another curve."""
    preset, value = KNOBS[knob]
    rules = protocols[preset], protocols[preset].derive({knob: value})
    rng, size = np.random.default_rng(2), (112, 110)
    rgb = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)

    def found(rule: Protocol, raw: Grid, truth: Grid) -> tuple[list[float], list[float]]:
        return curve(map_of(raw, truth, size_wh=size, rgb=rgb, shallow=True), rule)

    cases = [(np.zeros((7, 7)), np.array([[0.0, 0, 112, 110]]))]
    for _ in range(30):
        corners = np.sort(rng.integers(0, 110, (2, 2, 2)), axis=1)
        cases.append((np.maximum(rng.normal(size=(7, 7)), rng.choice([0, -9])), corners.reshape(2, 4).astype(float)))
    corner, line = np.zeros((7, 7)), np.zeros((7, 7))
    corner[0, 0] = corner[1, 1] = line[3] = 1  # diagonal neighbours; a stripe to the right edge
    cases += [(corner, np.array([[0.0, 0, 43, 32]])), (line, np.array([[0.0, 40, 112, 70]]))]
    cases.append((line, np.array([[61, 40.0, 112, 70]])))  # 61 * 224 / 112 is 122, 61 / 112 * 224 a little less
    assert any(found(rules[0], raw, truth) != found(rules[1], raw, truth) for raw, truth in cases)

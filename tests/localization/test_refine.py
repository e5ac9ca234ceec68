"""Graph cuts between a map and its box: what they change, when they run, and from which pixels and seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.localization.one_map import Grid, boxes_at, curve, map_of
from wsol.errors import ConfigError
from wsol.localization.refine import frame_image
from wsol.protocols._base import protocols
from wsol.views import view_named

EXACT = protocols["exact"]


def disc(side: int = 60) -> tuple[NDArray[np.uint8], Grid]:
    """A red disc on blue, and a map that sees its middle."""
    y, x = np.mgrid[:side, :side] - side / 2 + 0.5
    rgb = np.where((x**2 + y**2 < (side / 4) ** 2)[..., None], (220, 30, 30), (30, 30, 200)).astype(np.uint8)
    noise = np.random.default_rng(0).integers(-20, 20, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8), np.exp(-(x**2 + y**2) / 50)


def test_a_graph_cut_grows_the_box_to_the_object() -> None:
    rgb, grid = disc()
    item = map_of(grid, [[15, 15, 45, 45]], rgb=rgb)
    for name in ("grabcut", "colour_cut"):
        plain = EXACT.derive({"tau": 0.5})
        rule = plain.derive({"refine": name})
        (before,), (after,) = curve(item, plain)[1], curve(item, rule)[1]
        assert before < 0.3
        assert after > 0.9
        assert len(boxes_at(item, 0.5, rule)) == 1


def test_a_colour_cut_has_one_answer_for_all_thresholds() -> None:
    rgb, grid = disc()
    rule = protocols["choe2020_v1"].derive({"refine": "colour_cut", "side": 60})
    breaks, values = curve(map_of(grid, [[15, 15, 45, 45]], rgb=rgb), rule)
    assert breaks == [0]
    assert values[0] > 0.9


def test_shallow_layers_alone_are_cut_where_a_protocol_says_so() -> None:
    rgb, grid = disc()
    rule, truth = protocols["layercam2021"], [[15, 15, 45, 45]]
    deep = curve(map_of(grid, truth), rule)
    assert deep == curve(map_of(grid, truth), rule.derive({"refine": "none"}))
    assert deep == curve(map_of(grid, truth, rgb=rgb), rule)
    assert deep != curve(map_of(grid, truth, rgb=rgb, shallow=True), rule)


def test_a_cut_without_pixels_is_refused() -> None:
    item, rule = map_of(np.eye(8), [[0, 0, 8, 8]]), EXACT.derive({"tau": 0.5, "refine": "grabcut"})
    with pytest.raises(ConfigError, match="refine=grabcut"):
        boxes_at(item, 0.5, rule)
    with pytest.raises(ConfigError, match="refine=grabcut"):
        curve(item, rule)


def test_a_cut_has_its_protocols_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def cut(image: Any, levels: Any, *, seed: int, **options: Any) -> NDArray[np.bool_]:
        seeds.append(seed)
        return np.ones(levels.shape, bool)

    monkeypatch.setattr("wsol.localization.grabcut.grabcut_mask", cut)
    monkeypatch.setattr("wsol.localization.grabcut.color_cut_mask", cut)
    rgb, grid = disc()
    for name in ("grabcut", "colour_cut"):
        boxes_at(map_of(grid, rgb=rgb), 0.5, EXACT.derive({"tau": 0.5, "refine": name, "refine_seed": 77}))
    assert seeds == [77, 77]


def test_the_pixels_of_a_cut_are_where_the_map_is() -> None:
    rgb, _ = disc()
    image = Image.fromarray(rgb).crop((0, 10, 60, 50))
    layout = view_named("centre", 56).layout(image.size)
    square = frame_image(image, layout, (32, 32), protocols["choe2020_v1"])
    assert square.shape == (32, 32, 3)
    assert square[16, 16, 0] > 150  # the disc's red, in the middle of the crop
    assert square[2, 2, 2] > 150
    original = frame_image(image, layout, image.size, EXACT)
    np.testing.assert_array_equal(original, np.asarray(image))

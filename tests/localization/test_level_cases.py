"""Boxes at all thresholds: maps whose boxes one can see, changes that must change nothing, and unusable input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.localization.level_maps import (
    PLAIN,
    drawn,
    few_level_maps,
    ground_truths,
    largest_boxes,
    one_map,
    plain,
)
from wsol.errors import WsolError
from wsol.localization.levels import BoxRule, boxes_above, sweep_levels


def test_a_hand_drawn_map_gives_its_boxes() -> None:
    boxes = largest_boxes(drawn("11...", "11.33", "...33", "....2"), "largest_pixels")
    assert boxes.tolist() == [[3, 1, 5, 4], [3, 1, 5, 4], [3, 1, 5, 3], [0] * 4, [0] * 4]


def test_polygon_area_prefers_a_small_blob_to_a_long_line() -> None:
    grid = np.zeros((12, 60), int)
    grid[1, 1:59] = 1
    grid[5:9, 10:14] = 1
    assert boxes_above(grid, component="largest_polygon").tolist() == [[10, 5, 14, 9]]
    assert boxes_above(grid, component="largest_pixels").tolist() == [[1, 1, 59, 2]]


def test_a_ring_has_an_outer_box_and_a_hole_box_grown_by_one() -> None:
    grid = np.zeros((50, 50), int)
    grid[5:40, 5:40] = 1
    grid[12:30, 12:30] = 0
    assert boxes_above(grid, component="all_with_holes").tolist() == [[5, 5, 40, 40], [11, 11, 31, 31]]
    assert boxes_above(grid, component="all").tolist() == [[5, 5, 40, 40]]


@pytest.mark.parametrize(
    ("component", "winner"),
    [("largest_polygon", [4, 4, 6, 6]), ("largest_rect", [4, 4, 6, 6]), ("largest_pixels", [0, 0, 2, 2])],
)
def test_equal_squares_tie_as_the_rule_says(component: str, winner: list[int]) -> None:
    grid = np.zeros((6, 6), int)
    grid[0:2, 0:2] = grid[4:6, 4:6] = grid[3:5, 0:2] = 1
    assert boxes_above(grid, component=component).tolist() == [winner]


def test_a_line_that_grows_upwards_loses_its_tie_to_one_that_did_not_change() -> None:
    grid = drawn("...1.", ".2.2.", ".....")
    assert largest_boxes(grid, "largest_polygon").tolist()[:2] == [[1, 1, 2, 2], [3, 1, 4, 2]]


def test_an_empty_foreground_is_a_miss_or_the_box_that_the_rule_names() -> None:
    scores = {}
    for empty in ("zero_box", "unit_box", "full_box", "miss"):
        rule = BoxRule("largest_pixels", 8, iou="plus1", box_end="inclusive", clip=True, empty=empty)
        scores[empty] = one_map(np.zeros((4, 4), int), [(0, 0, 1, 0)], [rule], 3)[0].iou.tolist()
    assert scores == {"zero_box": [[0.5] * 3], "unit_box": [[0.5] * 3], "full_box": [[0.125] * 3], "miss": [[0.0] * 3]}


def test_a_miss_is_not_taken_for_an_empty_foreground() -> None:
    grid = np.zeros((5, 5), int)
    grid[4, 4] = 1
    rule = BoxRule("largest_pixels", 8, iou="plus1", box_end="half_open", clip=False, empty="zero_box")
    assert one_map(grid, [(0, 0, 0, 0)], [rule], 3)[0].iou.tolist() == [[0, 1, 1]]


@given(few_level_maps(), ground_truths(), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=60)
def test_shifting_the_map_and_the_truth_changes_no_iou(grid: Any, gt: Any, dx: int, dy: int) -> None:
    # both frames have a margin: at the border a hole opens and is none
    here = one_map(np.pad(grid, 4), gt, PLAIN)
    moved = [(x0 + dx, y0 + dy, x1 + dx, y1 + dy) for x0, y0, x1, y1 in gt]
    there = one_map(np.roll(np.pad(grid, 4), (dy, dx), (0, 1)), moved, PLAIN)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_array_equal(a.iou, b.iou)


@given(few_level_maps(), ground_truths())
@settings(max_examples=60)
def test_flipping_the_map_and_the_truth_changes_no_iou_of_all_boxes(grid: Any, gt: Any) -> None:
    rules, width = PLAIN[4:], grid.shape[1]
    flipped = [(width - x1, y0, width - x0, y1) for x0, y0, x1, y1 in gt]
    for a, b in zip(one_map(grid, gt, rules), one_map(grid[:, ::-1], flipped, rules), strict=True):
        np.testing.assert_array_equal(a.iou, b.iou)
        np.testing.assert_array_equal(a.count, b.count)  # type: ignore[arg-type]


@given(few_level_maps())
@settings(max_examples=60)
def test_a_higher_threshold_never_grows_the_largest_rectangle(grid: NDArray[Any]) -> None:
    boxes = largest_boxes(grid, "largest_rect").astype(int)
    assert (np.diff((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])) <= 0).all()


@given(few_level_maps(), ground_truths())
@settings(max_examples=60)
def test_more_boxes_never_lower_the_iou(grid: Any, gt: Any) -> None:
    rules = [plain(component) for component in ("largest_polygon", "all", "all_with_holes")]
    low, middle, high = (table.iou for table in one_map(grid, gt, rules))
    assert (low <= middle).all()
    assert (middle <= high).all()


@given(few_level_maps(), ground_truths())
@settings(max_examples=60)
def test_a_monotone_change_of_levels_keeps_the_iou(grid: Any, gt: Any) -> None:
    at = [0, 3, 4, 9, 11]
    for a, b in zip(one_map(grid, gt, PLAIN), one_map(np.array(at)[grid], gt, PLAIN, 12), strict=True):
        np.testing.assert_array_equal(a.iou, b.iou[:, at])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ranks": np.zeros((1, 2, 2))}, "integers, not float64"),
        ({"ranks": np.zeros((2, 2), int)}, r"\(n, H, W\)"),
        ({"ranks": np.zeros((1, 0, 3), int)}, r"\(n, H, W\)"),
        ({"ranks": np.full((1, 2, 2), 5)}, r"0\.\.4 \(levels=5\), these span 5\.\.5"),
        ({"ranks": np.full((1, 2, 2), 5, np.uint8)}, r"0\.\.4"),
        ({"ranks": np.full((1, 2, 2), -1)}, "-1"),
        ({"ranks": np.full((1, 2, 2), -1, np.int32)}, "-1"),
        ({"ranks": np.full((1, 2, 2), 2**40)}, str(2**40)),
        ({"gt_boxes": [0, 0, 1, 1]}, r"\(n, 4\)"),
        ({"gt_offsets": [0]}, "gt_offsets must be 2 ascending"),
        ({"gt_offsets": [0, 2]}, "in 1 boxes"),
        ({"gt_offsets": [1, 0]}, "ascending"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(change: dict[str, Any], words: str) -> None:
    good = {"ranks": np.zeros((1, 2, 2), int), "gt_boxes": [[0, 0, 1, 1]], "gt_offsets": [0, 1]}
    with pytest.raises(WsolError, match=words):
        sweep_levels(**{**good, **change}, rules=[plain("all")], levels=5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"component": "largest_poligon"}, "nearest: 'largest_polygon'"),
        ({"connectivity": 6}, "use 8 or 4"),
        ({"component": "all_with_holes", "connectivity": 4}, "connectivity=8"),
        ({"iou": "plus2"}, "nearest: 'plus1'"),
        ({"box_end": "halfopen"}, "nearest: 'half_open'"),
        ({"empty": "nothing"}, "no rule for an empty foreground 'nothing'"),
    ],
)
def test_a_rule_that_is_not_there_is_refused_in_one_sentence(change: dict[str, Any], words: str) -> None:
    good = {
        "component": "all",
        "connectivity": 8,
        "iou": "plus1",
        "box_end": "half_open",
        "clip": True,
        "empty": "miss",
    }
    with pytest.raises(WsolError, match=words):
        BoxRule(**{**good, **change})


def test_a_mask_that_is_not_a_grid_is_refused() -> None:
    with pytest.raises(WsolError, match=r"\(H, W\)"):
        boxes_above(np.zeros(4), component="all")
    with pytest.raises(WsolError, match="nearest: 'all'"):
        boxes_above(np.zeros((4, 4)), component="al")

"""Step curves of IoU against evaluating every threshold on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.reference.boxes import boxes_at, iou_plus1
from wsol.boxes.curve import StepCurve, count_curve, finish_boxes, iou_curve
from wsol.boxes.sweep import Sweep, rank, sweep, threshold_starts
from wsol.errors import WsolError

LEVELS = 5
maps = hnp.arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, LEVELS - 1))
gt_boxes = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    min_size=1,
    max_size=3,
)


@given(maps, gt_boxes, st.sampled_from(["largest_polygon", "all_with_holes"]))
@settings(max_examples=80)
def test_the_curve_is_the_best_iou_at_every_threshold(grid: NDArray[Any], gt: Any, component: Any) -> None:
    height, width = grid.shape
    curve = iou_curve(
        sweep(grid, levels=LEVELS, component=component),
        gt,
        levels=LEVELS,
        convention="plus1",
        empty=(0, 0, 0, 0),
        box_end="exclusive_as_inclusive",
        clip_wh=(width, height),
    )
    for t in range(LEVELS):
        found = [(x0, y0, min(x1, width - 1), min(y1, height - 1)) for x0, y0, x1, y1 in boxes_at(grid > t, component)]
        assert curve.at(t) == max(iou_plus1(box, truth) for box in found or [(0, 0, 0, 0)] for truth in gt)


@given(maps, st.sampled_from(["largest_pixels", "all", "all_with_holes"]))
@settings(max_examples=60)
def test_counts_are_the_number_of_boxes_at_every_threshold(grid: NDArray[Any], component: Any) -> None:
    counts = count_curve(sweep(grid, levels=LEVELS, component=component), LEVELS)
    assert counts.at(np.arange(LEVELS)).tolist() == [len(boxes_at(grid > t, component)) for t in range(LEVELS)]


@given(maps, gt_boxes)
@settings(max_examples=60)
def test_curves_start_at_zero_and_merge_equal_neighbours(grid: NDArray[Any], gt: Any) -> None:
    made = sweep(grid, levels=LEVELS, component="all")
    curve = iou_curve(made, gt, levels=LEVELS, convention="continuous", empty=None)
    assert curve.breaks[0] == 0
    assert (np.diff(curve.breaks) > 0).all()
    assert (np.diff(curve.values) != 0).all()


@given(maps, gt_boxes)
@settings(max_examples=60)
def test_more_boxes_never_lower_the_curve(grid: NDArray[Any], gt: Any) -> None:
    t = np.arange(LEVELS)
    low, middle, high = (
        iou_curve(sweep(grid, levels=LEVELS, component=c), gt, levels=LEVELS, convention="plus1", empty=None).at(t)
        for c in ("largest_polygon", "all", "all_with_holes")
    )
    assert (low <= middle).all()
    assert (middle <= high).all()


def test_an_empty_foreground_is_a_miss_or_the_box_one_names() -> None:
    made = sweep(np.zeros((4, 4), int), levels=3, component="largest_pixels")
    truth = [[0, 0, 1, 0]]
    assert iou_curve(made, truth, levels=3, convention="plus1", empty=None).values.tolist() == [0]
    assert iou_curve(made, truth, levels=3, convention="plus1", empty=(0, 0, 0, 0)).values.tolist() == [0.5]


def test_a_miss_is_not_taken_for_an_empty_foreground() -> None:
    grid = np.zeros((5, 5), int)
    grid[4, 4] = 1
    made = sweep(grid, levels=3, component="largest_pixels")
    curve = iou_curve(made, [[0, 0, 0, 0]], levels=3, convention="plus1", empty=(0, 0, 0, 0))
    assert curve.at([0, 1, 2]).tolist() == [0, 1, 1]


def test_finished_boxes_follow_their_protocol() -> None:
    boxes = np.array([[2, 3, 8, 10], [0, 0, 10, 6]], np.int32)
    written = {
        "half_open": [[2, 3, 8, 10], [0, 0, 10, 6]],
        "inclusive": [[2, 3, 7, 9], [0, 0, 9, 5]],
        "exclusive_as_inclusive": [[2, 3, 8, 9], [0, 0, 9, 6]],
    }
    for box_end, expected in written.items():
        assert finish_boxes(boxes, box_end=box_end, clip_wh=(10, 10)).tolist() == expected  # type: ignore[arg-type]
    assert finish_boxes(boxes, box_end="exclusive_as_inclusive").tolist() == boxes.tolist()
    assert boxes.tolist() == [[2, 3, 8, 10], [0, 0, 10, 6]]
    with pytest.raises(WsolError, match="nearest: 'half_open'"):
        finish_boxes(boxes, box_end="halfopen")  # type: ignore[arg-type]


def test_a_curve_over_levels_becomes_a_curve_over_tau() -> None:
    grid = np.array([[0.0, 0.25, 1.0]])
    ranks, values = rank(grid)
    made = sweep(ranks, levels=len(values) + 1, component="largest_pixels")
    over_levels = iou_curve(made, [[0, 0, 2, 1]], levels=4, convention="continuous", empty=None)
    assert over_levels.at([0, 1, 2, 3]).tolist() == [2 / 3, 1 / 3, 0, 0]
    strict = over_levels.over(threshold_starts(values, compare="gt"))
    assert strict.at([0, 0.2, 0.25, 0.9, 1.0]).tolist() == [1 / 3, 1 / 3, 0, 0, 0]
    loose = over_levels.over(threshold_starts(values, compare="ge"))
    assert loose.at([0, 0.2, 0.25, 0.9, 1.0]).tolist() == [2 / 3, 1 / 3, 1 / 3, 0, 0]


def test_at_keeps_the_shape_of_its_question() -> None:
    curve = StepCurve(np.array([0.0, 2.0]), np.array([0.5, 0.25]))
    assert curve.at(1.999).item() == 0.5
    assert curve.at([[0, 1], [2, 300]]).tolist() == [[0.5, 0.5], [0.25, 0.25]]


def test_a_sweep_read_back_from_storage_gives_the_same_curve() -> None:
    made = sweep(np.array([[0, 2, 3, 1]]), levels=4, component="all")
    columns = [np.array(c) for c in (made.boxes, made.lo, made.hi)]
    for column in columns:
        column.flags.writeable = False
    first, second = (
        iou_curve(s, [[0, 0, 2, 1]], levels=4, convention="continuous", empty=None) for s in (made, Sweep(*columns))
    )
    assert first.values.tolist() == second.values.tolist()


def test_tanh_of_a_map_changes_where_a_curve_steps_but_not_its_values() -> None:
    rng = np.random.default_rng(3)
    grid = np.round(rng.random((12, 12)), 2)
    curves = []
    for gamma in (None, 1.0, 4.0):
        ranks, values = rank(grid if gamma is None else np.tanh(gamma * grid / grid.max()))
        made = sweep(ranks, levels=len(values) + 1, component="largest_pixels")
        curves.append(iou_curve(made, [[2, 2, 9, 9]], levels=len(values) + 1, convention="continuous", empty=None))
    assert curves[0].values.tolist() == curves[1].values.tolist() == curves[2].values.tolist()

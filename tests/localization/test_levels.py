"""One compiled call for all thresholds against thresholding one level at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.localization.level_maps import (
    COMPONENTS,
    LEVELS,
    PLAIN,
    SHAPES,
    WRITTEN,
    few_level_maps,
    ground_truths,
    largest_boxes,
    one_map,
    plain,
    rings,
    sorted_boxes,
)
from tests.reference.boxes import boxes_at, scores_at
from wsol.localization.levels import BoxRule, LevelTable, boxes_above, sweep_levels


def assert_same_as_thresholding(grid: NDArray[Any], levels: int = LEVELS) -> None:
    """Each box that stands anywhere is the ground truth once: its IoU is 1 where it stands, and nowhere else."""
    for rule in PLAIN:
        slow = [boxes_at(grid > t, rule.component, rule.connectivity) for t in range(levels)]
        if rule.component.startswith("largest"):
            made = largest_boxes(grid, rule.component, rule.connectivity, levels)
            assert made.tolist() == [list(found[0]) if found else [0] * 4 for found in slow], (rule, grid)
            continue
        truths = sorted({box for found in slow for box in found}) or [(0, 0, 1, 1)]
        copies = np.broadcast_to(grid, (len(truths), *grid.shape))
        table = sweep_levels(copies, truths, range(len(truths) + 1), [rule], levels=levels)[0]
        assert table.count is not None
        for t, found in enumerate(slow):
            assert (table.count[:, t] == len(found)).all(), (rule, t, grid)
            assert ((table.iou[:, t] == 1) == [truth in found for truth in truths]).all(), (rule, t, grid)
            assert (
                sorted_boxes(boxes_above(grid > t, component=rule.component, connectivity=rule.connectivity)) == found
            )


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_drawn_shapes_have_the_boxes_of_every_threshold(number: int) -> None:
    for grid in (SHAPES[number], SHAPES[number].T, SHAPES[number][::-1, ::-1], SHAPES[number][::-1]):
        assert_same_as_thresholding(grid)


@given(few_level_maps())
@settings(max_examples=150)
def test_random_maps_have_the_boxes_of_every_threshold(grid: NDArray[np.int64]) -> None:
    assert_same_as_thresholding(grid)


@given(st.lists(st.integers(0, LEVELS - 1), min_size=9, max_size=9), st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_rings_in_rings_have_the_largest_polygon_of_every_threshold(values: list[int], seed: int) -> None:
    grid = rings(17, values)
    rng = np.random.default_rng(seed)
    broken = rng.random(grid.shape) < rng.choice([0, 0.02, 0.1])
    grid[broken] = rng.integers(0, LEVELS, broken.sum())
    expected = [boxes_at(grid > t, "largest_polygon") for t in range(LEVELS)]
    made = largest_boxes(grid, "largest_polygon").tolist()
    assert made == [list(found[0]) if found else [0] * 4 for found in expected]


def test_larger_maps_of_noise_and_of_blobs_have_the_boxes_of_every_threshold() -> None:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:60, :50]
    blobs = np.cos(y / 5) * np.sin(x / 4) + (y - 20) / 60 + np.cos(x * y / 90)
    quantized = np.floor(32 * (blobs - blobs.min()) / np.ptp(blobs)).astype(np.uint8)
    for grid, levels in ((rng.integers(0, 12, (31, 47)), 12), (quantized, 33)):
        copy = [rule for rule in PLAIN if rule.component.startswith("all")]
        gt = [(5, 5, 20, 20), (0, 0, 40, 9)]
        for rule, table in zip(copy, one_map(grid, gt, copy, levels), strict=True):
            assert table.count is not None
            expected = [scores_at(grid > t, gt, rule) for t in range(levels)]
            assert [*zip(table.iou[0].tolist(), table.count[0].tolist(), strict=True)] == expected
        for component, connectivity in COMPONENTS[:4]:
            made = largest_boxes(grid, component, connectivity, levels)
            slow = [boxes_at(grid > t, component, connectivity) for t in range(levels)]
            assert made.tolist() == [list(found[0]) if found else [0] * 4 for found in slow]


@given(few_level_maps(), ground_truths(), st.sampled_from(COMPONENTS), st.sampled_from(WRITTEN))
@settings(max_examples=300)
def test_every_rule_gives_the_best_iou_at_every_threshold(grid: Any, gt: Any, choice: Any, written: Any) -> None:
    rule = BoxRule(*choice, *written)
    table = one_map(grid, gt, [rule])[0]
    expected = [scores_at(grid > t, gt, rule) for t in range(LEVELS)]
    assert table.iou[0].tolist() == [best for best, _ in expected]
    assert (table.count is None) == (table.boxes is not None) == choice[0].startswith("largest")
    if table.count is not None:
        assert table.count[0].tolist() == [number for _, number in expected]


@pytest.mark.parametrize("written", WRITTEN)
def test_every_way_to_write_boxes_is_scored_on_a_map_with_holes(written: Any) -> None:
    grid, gt = SHAPES[1], [(1, 1, 4, 6), (0, 0, 0, 0), (7, 7, 9, 9)]
    rules = [BoxRule(*choice, *written) for choice in COMPONENTS]
    for rule, table in zip(rules, one_map(grid, gt, rules), strict=True):
        assert table.iou[0].tolist() == [scores_at(grid > t, gt, rule)[0] for t in range(LEVELS)]


@given(st.lists(few_level_maps(), min_size=1, max_size=4), ground_truths(), st.permutations(range(len(COMPONENTS))))
@settings(max_examples=60)
def test_many_maps_and_rules_in_one_call_are_each_alone(grids: Any, gt: Any, order: Any) -> None:
    height, width = np.min([grid.shape for grid in grids], axis=0)
    ranks = np.stack([grid[:height, :width] for grid in grids])
    truths = [gt[i % 2 :] for i in range(len(ranks))]  # some with fewer boxes
    offsets = np.cumsum([0, *map(len, truths)])
    rules = [PLAIN[i] for i in order[:4]]
    together = sweep_levels(ranks, [box for boxes in truths for box in boxes], offsets, rules, levels=LEVELS)
    for rule, table in zip(rules, together, strict=True):
        for i, grid in enumerate(ranks):
            alone = one_map(grid, truths[i], [rule])[0]
            np.testing.assert_array_equal(table.iou[i], alone.iou[0])
            for many, single in ((table.count, alone.count), (table.boxes, alone.boxes)):
                assert (many is None) == (single is None)
                if many is not None and single is not None:
                    np.testing.assert_array_equal(many[i], single[0])


def test_the_same_maps_on_several_threads_give_the_same_tables() -> None:
    ranks = np.random.default_rng(2).integers(0, 256, (12, 30, 20)).astype(np.uint8)
    offsets = np.arange(5)
    gt = np.tile([[3.0, 4, 15, 22]], (4, 1))

    def score(chunk: NDArray[np.uint8]) -> list[LevelTable]:
        return sweep_levels(chunk, gt, offsets, PLAIN, levels=256)

    chunks = [ranks[i : i + 4] for i in (0, 4, 8)] * 4
    with ThreadPoolExecutor(4) as threads:
        for chunk, tables in zip(chunks, threads.map(score, chunks), strict=True):
            for table, expected in zip(tables, score(chunk), strict=True):
                np.testing.assert_array_equal(table.iou, expected.iou)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_any_integers_and_any_memory_layout_are_taken(dtype: Any) -> None:
    grid = np.random.default_rng(0).integers(0, LEVELS, (3, 8, 9))
    given_ranks = np.asfortranarray(grid.astype(dtype))
    given_ranks.flags.writeable = False
    gt = np.array([[2.0, 2, 6, 6]] * 3)
    gt.flags.writeable = False
    for made, expected in zip(
        sweep_levels(given_ranks, gt, range(4), PLAIN, levels=LEVELS),
        sweep_levels(grid, gt, range(4), PLAIN, levels=LEVELS),
        strict=True,
    ):
        np.testing.assert_array_equal(made.iou, expected.iou)


def test_levels_without_pixels_repeat_the_level_below_them() -> None:
    grid = np.random.default_rng(1).integers(0, 40, (20, 30))
    here, there = (one_map(grid * step, [(4, 4, 20, 15)], PLAIN, 40 * step) for step in (1, 125))
    for near, far in zip(here, there, strict=True):
        np.testing.assert_array_equal(np.repeat(near.iou, 125, axis=1), far.iou)
        for a, b in ((near.count, far.count), (near.boxes, far.boxes)):
            if a is not None and b is not None:
                np.testing.assert_array_equal(np.repeat(a, 125, axis=1), b)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8))))
@settings(max_examples=80)
def test_a_binary_mask_is_a_map_of_two_levels(mask: NDArray[np.bool_]) -> None:
    for component, connectivity in COMPONENTS:
        made = boxes_above(mask, component=component, connectivity=connectivity)
        assert made.dtype == np.int32
        assert sorted_boxes(made) == boxes_at(mask, component, connectivity)


def test_no_maps_and_no_rules_give_empty_tables() -> None:
    assert sweep_levels(np.zeros((1, 2, 2), int), [], [0, 0], [], levels=2) == []
    table = sweep_levels(np.zeros((0, 2, 2), np.uint8), [], [0], [plain("all")], levels=3)[0]
    assert table.iou.shape == (0, 3)
    assert table.boxes is None

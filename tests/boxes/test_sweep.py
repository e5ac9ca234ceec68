"""The sweep against thresholding one level at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.reference.boxes import boxes_at
from wsol.boxes.sweep import Sweep, quantise, rank, sweep, threshold_index, threshold_starts
from wsol.errors import WsolError

LEVELS = 5
RULES = [
    ("largest_polygon", 8),
    ("largest_rect", 8),
    ("largest_pixels", 8),
    ("largest_pixels", 4),
    ("all", 8),
    ("all", 4),
    ("all_with_holes", 8),
]


def drawn(*rows: str) -> NDArray[np.int64]:
    return np.array([[".1234".index(c) for c in row] for row in rows])


# what random maps rarely hold: lines, rings in rings, diagonal contacts, shapes cut by the border, equal areas
SHAPES = [
    drawn("11111..", ".......", "....222", "....2.2", "1...222", ".1.....", "..1...."),
    drawn("3333333", "3.....3", "3.111.3", "3.1.1.3", "3.111.3", "3.....3", "3333333"),
    drawn("..1....", ".1.1...", "..1....", "...1...", "..1.1..", "...1..."),
    drawn(".1....", "1.1111", ".1....", "......", "2.....", "......", "....22", "...2.2", "....22"),
    drawn("44..1", "44..1", "..2..", "1..44", "1..44"),
    drawn("2.2.2", ".2.2.", "2.2.2", ".2.2.", "2.2.2"),
    drawn("1111", "1.21", "12.1", "1111"),
    drawn("1.1.1"),
    drawn("1", ".", "3", "3"),
    drawn("4"),
    drawn("."),
    np.full((4, 6), 3),
]


@st.composite
def few_level_maps(draw: st.DrawFn) -> NDArray[np.int64]:
    """Maps up to 10x10, with flat patches more often than independent pixels would give."""
    shape = draw(st.tuples(st.integers(1, 10), st.integers(1, 10)))
    grid = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, LEVELS - 1), fill=st.integers(0, LEVELS - 1)))
    if draw(st.booleans()):
        grid = np.kron(grid, np.ones((2, 2), np.int64))[: shape[0], : shape[1]]
    return grid


def sorted_boxes(boxes: NDArray[Any]) -> list[tuple[int, ...]]:
    return sorted(tuple(int(v) for v in box) for box in boxes)


def assert_same_as_thresholding(grid: NDArray[Any], component: Any, connectivity: Any, levels: int = LEVELS) -> Sweep:
    made = sweep(grid, levels=levels, component=component, connectivity=connectivity)
    for t in range(levels):
        assert sorted_boxes(made.at(t)) == boxes_at(grid > t, component, connectivity), (t, grid)
    return made


@pytest.mark.parametrize(("component", "connectivity"), RULES)
@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_drawn_shapes_have_the_boxes_of_every_threshold(component: str, connectivity: int, number: int) -> None:
    for grid in (SHAPES[number], SHAPES[number].T, SHAPES[number][::-1, ::-1], SHAPES[number][::-1]):
        assert_same_as_thresholding(grid, component, connectivity)


@pytest.mark.parametrize(("component", "connectivity"), RULES)
def test_random_maps_have_the_boxes_of_every_threshold(component: str, connectivity: int) -> None:
    @settings(max_examples=80)
    @given(few_level_maps())
    def check(grid: NDArray[np.int64]) -> None:
        assert_same_as_thresholding(grid, component, connectivity)

    check()


@pytest.mark.parametrize(("component", "connectivity"), RULES)
def test_larger_maps_of_noise_and_of_blobs_have_the_boxes_of_every_threshold(component: str, connectivity: int) -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 12, (31, 47))
    y, x = np.mgrid[:60, :50]
    blobs = np.cos(y / 5) * np.sin(x / 4) + (y - 20) / 60 + np.cos(x * y / 90)
    quantised = quantise((blobs - blobs.min()) / np.ptp(blobs)) // 8
    assert_same_as_thresholding(noise, component, connectivity, 12)
    assert_same_as_thresholding(quantised, component, connectivity, 33)


def test_a_hand_drawn_map_gives_its_boxes() -> None:
    grid = drawn("11...", "11.33", "...33", "....2")
    largest = sweep(grid, levels=LEVELS, component="largest_pixels")
    assert largest.boxes.tolist() == [[3, 1, 5, 4], [3, 1, 5, 3]]
    assert largest.lo.tolist() == [0, 2]
    assert largest.hi.tolist() == [2, 3]


def test_polygon_area_prefers_a_small_blob_to_a_long_line() -> None:
    grid = np.zeros((12, 60), int)
    grid[1, 1:59] = 1
    grid[5:9, 10:14] = 1
    assert sweep(grid, levels=2, component="largest_polygon").boxes.tolist() == [[10, 5, 14, 9]]
    assert sweep(grid, levels=2, component="largest_pixels").boxes.tolist() == [[1, 1, 59, 2]]


def test_a_ring_has_an_outer_box_and_a_hole_box_grown_by_one() -> None:
    grid = np.zeros((50, 50), int)
    grid[5:40, 5:40] = 1
    grid[12:30, 12:30] = 0
    assert sorted_boxes(sweep(grid, levels=2, component="all_with_holes").boxes) == [(5, 5, 40, 40), (11, 11, 31, 31)]
    assert sorted_boxes(sweep(grid, levels=2, component="all").boxes) == [(5, 5, 40, 40)]


@pytest.mark.parametrize(
    ("component", "winner"),
    [("largest_polygon", [4, 4, 6, 6]), ("largest_rect", [4, 4, 6, 6]), ("largest_pixels", [0, 0, 2, 2])],
)
def test_equal_squares_tie_as_the_rule_says(component: Any, winner: list[int]) -> None:
    grid = np.zeros((6, 6), int)
    grid[0:2, 0:2] = grid[4:6, 4:6] = grid[3:5, 0:2] = 1
    assert sweep(grid, levels=2, component=component).boxes.tolist() == [winner]


@given(few_level_maps(), st.sampled_from(["largest_polygon", "largest_rect", "largest_pixels"]))
@settings(max_examples=80)
def test_intervals_of_the_largest_are_disjoint_ascending_and_without_gaps(grid: NDArray[Any], component: Any) -> None:
    made = sweep(grid, levels=LEVELS, component=component)
    assert made.hi.size == 0 or made.hi[-1] == grid.max()
    assert made.lo.tolist() == [0, *made.hi[:-1].tolist()][: len(made.lo)]
    assert (made.lo < made.hi).all()
    assert all((a != b).any() for a, b in zip(made.boxes, made.boxes[1:], strict=False))


@given(few_level_maps(), st.integers(0, 3), st.integers(0, 3), st.sampled_from([r[0] for r in RULES]))
@settings(max_examples=80)
def test_shifting_the_map_shifts_the_boxes(grid: NDArray[Any], dx: int, dy: int, component: Any) -> None:
    # both frames have a margin: at the border a hole opens and is none
    here = sweep(np.pad(grid, 4), levels=LEVELS, component=component)
    there = sweep(np.roll(np.pad(grid, 4), (dy, dx), (0, 1)), levels=LEVELS, component=component)
    for t in range(LEVELS):
        assert sorted_boxes(here.at(t) + np.array([dx, dy, dx, dy])) == sorted_boxes(there.at(t))


@given(few_level_maps(), st.sampled_from(["all", "all_with_holes"]))
@settings(max_examples=80)
def test_flipping_the_map_flips_all_boxes(grid: NDArray[Any], component: Any) -> None:
    width = grid.shape[1]
    here = sweep(grid, levels=LEVELS, component=component)
    there = sweep(grid[:, ::-1], levels=LEVELS, component=component)
    for t in range(LEVELS):
        flipped = [(width - x1, y0, width - x0, y1) for x0, y0, x1, y1 in here.at(t)]
        assert sorted_boxes(np.array(flipped).reshape(-1, 4)) == sorted_boxes(there.at(t))


@given(few_level_maps())
@settings(max_examples=80)
def test_a_higher_threshold_never_grows_the_largest_rectangle(grid: NDArray[Any]) -> None:
    boxes = sweep(grid, levels=LEVELS, component="largest_rect").boxes.astype(int)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert (np.diff(areas) <= 0).all()


@given(few_level_maps())
@settings(max_examples=80)
def test_every_box_lies_within_one_box_of_the_next_lower_threshold(grid: NDArray[Any]) -> None:
    made = sweep(grid, levels=LEVELS, component="all")
    for t in range(1, LEVELS):
        below = made.at(t - 1)
        for x0, y0, x1, y1 in made.at(t):
            inside = (below[:, :2] <= (x0, y0)).all(1) & (below[:, 2:] >= (x1, y1)).all(1)
            assert inside.any()


@given(few_level_maps(), st.sampled_from([r[0] for r in RULES]))
@settings(max_examples=60)
def test_a_monotone_change_of_levels_keeps_the_boxes(grid: NDArray[Any], component: Any) -> None:
    stretched = np.array([0, 3, 4, 9, 11])[grid]
    here = sweep(grid, levels=LEVELS, component=component)
    there = sweep(stretched, levels=12, component=component)
    for t, moved in enumerate((0, 3, 4, 9, 11)):
        assert sorted_boxes(here.at(t)) == sorted_boxes(there.at(moved))


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.floats(0, 1, width=16)))
@settings(max_examples=60)
def test_ranks_of_floats_threshold_like_the_floats(grid: NDArray[np.float64]) -> None:
    ranks, values = rank(grid)
    made = sweep(ranks, levels=len(values) + 1, component="all")
    for tau in (0.0, 0.3, 1.0, *values[:4]):
        for compare, mask in (("ge", grid >= tau), ("gt", grid > tau)):
            t = int(threshold_index(values, tau, compare=compare))  # type: ignore[arg-type]
            np.testing.assert_array_equal(ranks > t, mask)
            assert sorted_boxes(made.at(t)) == boxes_at(mask, "all")


@pytest.mark.parametrize("compare", ["ge", "gt"])
def test_threshold_starts_are_where_the_index_changes(compare: Any) -> None:
    values = np.array([0.0, 0.25, 0.5, 1.0])
    starts = threshold_starts(values, compare=compare)
    for tau in (0.0, 1e-300, 0.2, 0.25, np.nextafter(0.25, 1), 0.5, 0.7, 1.0, 1.5):
        index = int(threshold_index(values, tau, compare=compare))
        assert np.searchsorted(starts, tau, side="right") - 1 == index


def test_quantise_takes_the_floor_in_float64() -> None:
    assert quantise([[0.0, 0.2, 0.999, 1.0, 1 / 255]]).tolist() == [[0, 51, 254, 255, 1]]


@example(np.zeros((3, 3), bool))
@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8))))
@settings(max_examples=50)
def test_a_binary_mask_is_a_map_of_two_levels(mask: NDArray[np.bool_]) -> None:
    assert_same_as_thresholding(mask.astype(np.uint8), "largest_polygon", 8, 2)


@pytest.mark.parametrize(
    ("ranks", "options", "words"),
    [
        (np.zeros((2, 2)), {}, "use quantise"),
        (np.zeros(4, int), {}, "grid"),
        (np.zeros((0, 3), int), {}, "grid"),
        (np.full((2, 2), 5), {}, "0..4"),
        (np.full((2, 2), -1), {}, "-1"),
        (np.zeros((2, 2), int), {"component": "largest_poligon"}, "nearest: 'largest_polygon'"),
        (np.zeros((2, 2), int), {"connectivity": 6}, "use 8 or 4"),
        (np.zeros((2, 2), int), {"component": "all_with_holes", "connectivity": 4}, "connectivity=8"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(ranks: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(WsolError, match=words):
        sweep(ranks, **{"levels": 5, "component": "all", **options})


@pytest.mark.parametrize("values", [[[0.0, 1.5]], [[-0.1, 0.2]], [[np.nan, 0.5]], np.zeros((0, 2))])
def test_a_map_outside_its_range_is_not_quantised(values: Any) -> None:
    with pytest.raises(WsolError, match=r"within \[0, 1\]"):
        quantise(values)


def test_a_map_with_nan_is_not_ranked() -> None:
    with pytest.raises(WsolError, match="1 NaN"):
        rank([[np.nan, 0.0]])

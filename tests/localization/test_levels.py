"""One compiled call for all thresholds against thresholding one level at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.reference.boxes import boxes_at, scores_at
from wsol.errors import WsolError
from wsol.localization.levels import BoxRule, LevelTable, boxes_above, sweep_levels

LEVELS = 5
COMPONENTS = [
    ("largest_polygon", 8),
    ("largest_rect", 8),
    ("largest_pixels", 8),
    ("largest_pixels", 4),
    ("all", 8),
    ("all", 4),
    ("all_with_holes", 8),
]
WRITTEN = list(
    product(
        ("plus1", "plus1_open", "plus1_signed", "continuous"),
        ("inclusive", "exclusive_as_inclusive", "half_open"),
        (False, True),
        ("zero_box", "unit_box", "full_box", "miss"),
    )
)


def plain(component: str, connectivity: int = 8) -> BoxRule:
    return BoxRule(component, connectivity, iou="continuous", box_end="half_open", clip=False, empty="miss")


PLAIN = [plain(*choice) for choice in COMPONENTS]


def drawn(*rows: str) -> NDArray[np.int64]:
    return np.array([[".1234".index(c) for c in row] for row in rows])


def rings(side: int, values: list[int]) -> NDArray[np.int64]:
    """Squares around each other, one pixel wide, from the outside in."""
    y, x = np.mgrid[:side, :side]
    return np.array(values)[np.minimum.reduce([y, x, side - 1 - y, side - 1 - x])]


def beside_a_block(*inner: str, rows: int = 9) -> NDArray[np.int64]:
    """A ring of area 100 with something in it, above a block of area 12 (rows - 1)."""
    grid = np.zeros((12 + rows, 14), np.int64)
    grid[:11, :11] = 1
    grid[1:10, 1:10] = 0
    part = drawn(*inner)
    grid[2 : 2 + len(part), 2 : 2 + part.shape[1]] = part
    grid[12:, 1:] = 1
    return grid


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
    # rings that close at one level, at the inner ones first, at the outer ones first
    rings(13, [0, 2, 0, 2, 0, 2, 0]),
    rings(13, [0, 1, 0, 2, 0, 3, 4]),
    rings(13, [0, 4, 1, 3, 0, 2, 1]),
    rings(13, [3, 2, 3, 1, 3, 0, 3]),
    # two holes that become one at the level at which they open, in one ring and in a ring within it
    drawn("3333333", "3..1..3", "3333.33", ".......", "33.3333"),
    drawn("4444444", "4.....4", "4.444.4", "4.4.224", "4.444.4", "4.....4", "4442444"),
    # the pixel that opens a hole comes before it in raster order
    drawn("....22.", "11.22.3", "11..3.3", ".1...3."),
    # rings within a ring, beside a block that only a ring with all in it beats
    beside_a_block("11111", "1...1", "1...1", "1...1", "11111"),
    beside_a_block("11111..", "1...1..", "1...1..", "1...111", "11111.."),
    beside_a_block("1111111", "1.....1", "1.111.1", "1.1.1.1", "1.111.1", "1.....1", "1111111"),
    # and beside one that it does not beat
    beside_a_block("11111", "1...1", "1...1", "1...1", "11111", rows=10),
]


@st.composite
def few_level_maps(draw: st.DrawFn) -> NDArray[np.int64]:
    """Maps up to 10x10, with flat patches more often than independent pixels would give."""
    shape = draw(st.tuples(st.integers(1, 10), st.integers(1, 10)))
    grid = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, LEVELS - 1), fill=st.integers(0, LEVELS - 1)))
    if draw(st.booleans()):
        grid = np.kron(grid, np.ones((2, 2), np.int64))[: shape[0], : shape[1]]
    return grid


@st.composite
def ground_truths(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    corner, side = st.integers(0, 8), st.integers(0, 6)
    made = draw(st.lists(st.tuples(corner, corner, side, side), max_size=3))
    return [(x, y, x + width, y + height) for x, y, width, height in made]


def one_map(grid: NDArray[Any], gt: Any, rules: list[BoxRule], levels: int = LEVELS) -> list[LevelTable]:
    return sweep_levels(grid[None], gt, [0, len(gt)], rules, levels=levels)


def largest_boxes(grid: NDArray[Any], component: str, connectivity: int = 8, levels: int = LEVELS) -> Any:
    """(levels, 4) the one box."""
    boxes = one_map(grid, [], [plain(component, connectivity)], levels)[0].boxes
    assert boxes is not None
    return boxes[0]


def sorted_boxes(boxes: Any) -> list[tuple[int, ...]]:
    return sorted(tuple(int(v) for v in box) for box in boxes)


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

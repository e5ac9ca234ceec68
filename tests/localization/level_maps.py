"""Maps of few levels, drawn by hand and by chance, and the rules by which all their boxes are taken."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from wsol.localization.levels import BoxRule, LevelTable, sweep_levels

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

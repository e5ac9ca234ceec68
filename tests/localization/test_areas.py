"""Areas of outlines, holes filled, at every threshold: the number that the largest polygon is chosen by."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from wsol.localization.components import FIRST, HALVES, HI, LAST, LO, X0, X1, component_nodes
from wsol.localization.grid import HALVES_OF, enter, seats_of, shift_of, sort
from wsol.localization.holes import enclose, hole_nodes
from wsol.localization.sweep import empty_scratch

Area = tuple[int, int, int, int, int]  # half pixels, and the box


def swept(ranks: NDArray[np.uint8], levels: int) -> list[list[Area]]:
    """The areas of outermost components at each threshold, from one sweep."""
    shift = shift_of(ranks.shape[1])
    scratch = empty_scratch(*ranks.shape, shift, levels)
    grid, forest, nodes = scratch.grid, scratch.forest, scratch.nodes
    _, top = enter(grid, ranks)
    sort(grid)
    holes, enclosed = hole_nodes(grid, top, forest, seats_of(4, shift), nodes), scratch.no_holes
    if holes:
        enclosed = scratch.with_holes
        enclose(grid, forest, HALVES_OF, scratch.filled, scratch.inside, enclosed)
    end = component_nodes(grid, enclosed, forest, seats_of(8, shift), HALVES_OF, 1, nodes, holes)
    found: list[list[Area]] = [[] for _ in range(levels)]
    for node in nodes[holes:end].tolist():
        box = (node[X0] - 1, (node[FIRST] >> shift) - 1, node[X1], node[LAST] >> shift)
        for t in range(node[LO], node[HI]):
            found[t] += [(node[HALVES], *box)] if node[HALVES] else []
    return [sorted(areas) for areas in found]


def thresholded(ranks: NDArray[np.uint8], t: int) -> list[Area]:
    """The same at one threshold, by OpenCV."""
    contours = cv2.findContours((ranks > t).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    boxes = [(int(2 * cv2.contourArea(c)), *cv2.boundingRect(c)) for c in contours]
    return sorted((area, x, y, x + w, y + h) for area, x, y, w, h in boxes if area)


@pytest.mark.parametrize("levels", [4, 12, 40, 200])
def test_areas_of_smooth_maps_are_those_of_opencv_at_every_threshold(levels: int) -> None:
    rng = np.random.default_rng(levels)
    for side in (5, 7, 9, 14, 16, 20):
        raw = cv2.resize(rng.normal(size=(side, side)), (64, 50), interpolation=cv2.INTER_CUBIC)
        ranks = np.floor((levels - 1) * (raw - raw.min()) / np.ptp(raw)).astype(np.uint8)
        areas = swept(ranks, levels)
        for t in range(levels):
            assert areas[t] == thresholded(ranks, t), (side, t)


def test_a_new_component_beside_a_hole_that_ends_at_its_level_keeps_its_share_of_the_outline() -> None:
    """A pixel without any neighbor yet, but with pixels of a hole beside it that count as filled from here on."""
    ranks = np.full((6, 7), 3, np.uint8)
    ranks[2, 2:5] = 1
    ranks[3, 2] = 1
    ranks[3, 3:5] = ranks[4, 2:5] = 2  # the first of these enters alone
    ranks[2, 5:] = 2
    ranks[0] = ranks[5] = 2
    areas = swept(ranks, 4)
    for t in range(4):
        assert areas[t] == thresholded(ranks, t)

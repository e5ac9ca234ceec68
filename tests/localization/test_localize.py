"""What must hold for any map: boxes move with the picture, thresholds only take away, one tau serves all images."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tests.localization.one_map import Grid, boxes_at, map_of
from tests.localization.one_map import curve as curve_of
from tests.stats.made_up import from_lists
from wsol.localization.final_map import final_map
from wsol.localization.frame import frame_of
from wsol.localization.localize import _foreground, localize
from wsol.localization.records import ImageMap
from wsol.protocols._base import Protocol, protocols

EXACT = protocols["exact"]
SWEPT = ["choe2020_v1", "choe2020_v2", "exact"]
FIXED = ["cam2016_text", "gradcam2017", "tscam2021", "layercam2021", "cam2016_code", "psol2020", "rethinkingcam2020"]
SIDE = 12
# whole numbers, so that scaling by powers of two is exact
GRIDS = arrays.arrays(np.float64, (SIDE, SIDE), elements=st.integers(0, 15).map(float))
quickly = settings(max_examples=40)  # the first call compiles


@st.composite
def boxes(draw: st.DrawFn, side: int = SIDE) -> NDArray[np.float64]:
    """(1, 4), at least one pixel, half-open."""
    x = draw(st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True))
    y = draw(st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True))
    return np.array([[min(x), min(y), max(x), max(y)]], np.float64)


def curve(grid: Grid, gt: NDArray[np.float64], rule: Protocol) -> tuple[list[float], list[float]]:
    """Breaks and values of a map that is the image, pixel for pixel."""
    return curve_of(map_of(grid, gt), rule)


def foreground(item: ImageMap, tau: float, rule: Protocol) -> NDArray[np.bool_]:
    frame = frame_of(item.boxes_xyxy, item.layout, rule)
    return _foreground(final_map(item.raw, item.layout, frame.size_wh, rule), item, frame, rule, tau)


def one_blob(grid: Grid) -> bool:
    """Whether at most one component stands at each threshold, so that no tie decides."""
    rule = EXACT.derive({"component": "all"})
    return all(len(boxes_at(map_of(grid), tau, rule)) <= 1 for tau in np.arange(1, 16) / 16)


@quickly
@given(GRIDS, boxes(), st.integers(1, 5), st.integers(1, 5))
def test_shifting_the_picture_shifts_the_boxes(grid: Grid, gt: Any, right: int, down: int) -> None:
    large = np.zeros((SIDE + 6, SIDE + 6))
    large[:SIDE, :SIDE] = grid
    moved = np.roll(large, (down, right), (0, 1))
    shift = np.array([right, down, right, down], float)
    for name in ("exact", "gradcam2017", "cam2016_text"):
        assert curve(moved, gt + shift, protocols[name]) == curve(large, gt, protocols[name])
    for tau in (0.1, 0.5, 0.9):
        assert (boxes_at(map_of(moved), tau, EXACT) == boxes_at(map_of(large), tau, EXACT) + shift).all()


@quickly
@given(GRIDS, boxes(), st.sampled_from([0, 1]))
def test_mirroring_the_picture_mirrors_the_boxes(grid: Grid, gt: Any, axis: int) -> None:
    mirrored = gt.copy()
    mirrored[:, [1 - axis, 3 - axis]] = SIDE - gt[:, [3 - axis, 1 - axis]]
    rules = [EXACT.derive({"component": "all"})]  # no largest one, so no ties
    if one_blob(grid):
        rules += [EXACT, protocols["gradcam2017"]]
    for rule in rules:
        assert curve(np.flip(grid, axis), mirrored, rule) == curve(grid, gt, rule)


def test_the_2020_boxes_do_not_mirror_because_they_are_a_pixel_too_big_on_one_side() -> None:
    grid = np.zeros((224, 224))
    grid[100:120, 102:122] = 1  # as its mirror image
    left, right = np.array([[101.0, 100, 121, 119]]), np.array([[102.0, 100, 122, 119]])
    assert curve(grid, left, protocols["choe2020_v1"])[1][0] == 400 / 461
    assert curve(grid[:, ::-1], right, protocols["choe2020_v1"])[1][0] == 420 / 441


@quickly
@given(GRIDS, boxes(), st.integers(2, 4))
def test_enlarging_picture_and_boxes_changes_no_iou(grid: Grid, gt: Any, times: int) -> None:
    large = np.repeat(np.repeat(grid, times, 0), times, 1)
    for rule in (EXACT, protocols["gradcam2017"]):
        small, big = curve(grid, gt, rule), curve(large, gt * times, rule)
        assert small[0] == big[0]
        np.testing.assert_allclose(small[1], big[1], rtol=1e-12)


@pytest.mark.default_cases(1)
@quickly
@given(GRIDS, boxes(), st.sampled_from([0.25, 2.0, 1024.0]))
@pytest.mark.parametrize("name", [*SWEPT, *FIXED])
def test_the_scale_of_scores_changes_nothing(name: str, grid: Grid, gt: Any, factor: float) -> None:
    rule = protocols[name]
    if rule.normalise == "max" and rule.resize_uint8:
        return  # divides by max + 1e-8, which only 8 bits forgive
    if rule.space == "square":
        rule = rule.derive({"side": SIDE})
    assert curve(grid * factor, gt, rule) == curve(grid, gt, rule)


@quickly
@given(GRIDS, boxes())
def test_min_max_forgets_what_is_added_to_all_scores(grid: Grid, gt: Any) -> None:
    for rule in (EXACT, protocols["choe2020_v1"].derive({"side": SIDE})):
        assert curve(grid + 4096, gt, rule) == curve(grid, gt, rule)


@pytest.mark.default_cases(2)
@quickly
@given(GRIDS, st.lists(st.floats(0, 0.99), min_size=2, max_size=2))
@pytest.mark.parametrize("name", [*SWEPT, "gradcam2017", "layercam2021", "tscam2021"])
def test_a_higher_threshold_never_grows_the_foreground(name: str, grid: Grid, taus: list[float]) -> None:
    rule = protocols[name].derive({"side": SIDE})
    low, high = (foreground(map_of(grid), tau, rule) for tau in sorted(taus))
    assert not (high & ~low).any()


@quickly
@given(GRIDS)
def test_every_box_lies_inside_one_of_each_lower_threshold(grid: Grid) -> None:
    rule = EXACT.derive({"component": "all"})
    found = [boxes_at(map_of(grid), tau, rule) for tau in np.arange(1, 16) / 16]
    for lower, higher in pairwise(found):
        for box in higher:
            assert ((lower[:, :2] <= box[:2]) & (lower[:, 2:] >= box[2:])).all(1).any()


@pytest.mark.default_cases(1)
@quickly
@given(GRIDS, boxes())
@pytest.mark.parametrize("name", SWEPT)
def test_a_fixed_threshold_is_one_point_of_the_sweep(name: str, grid: Grid, gt: Any) -> None:
    rule = protocols[name].derive({"side": SIDE})
    item = map_of(grid, gt)
    swept = localize([item], [rule])[rule.name].iou
    for tau in (0.0, 0.1, 0.5, 0.75, 0.999):
        assert curve_of(item, rule.derive({"tau": tau})) == ([0], swept.at(tau)[0].tolist())


@pytest.mark.parametrize("name", [*SWEPT, *FIXED])
def test_a_map_of_zeros_finds_nothing_at_any_threshold(name: str) -> None:
    rule = protocols[name].derive({"side": SIDE})
    truth = np.array([[0.0, 0.0, SIDE, SIDE]])
    breaks, values = curve(np.zeros((SIDE, SIDE)), truth, rule)
    assert breaks == [0]
    assert values[0] < 0.05 or rule.empty == "full_box"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [*SWEPT, *FIXED])
def test_a_map_that_holds_no_number_somewhere_is_a_miss_at_every_threshold(name: str, value: float) -> None:
    """Also where an empty foreground stands for the full frame: a failure must gain nothing."""
    grid = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(float)
    grid[3, 4] = value
    item = map_of(grid, [[0, 0, SIDE, SIDE]])
    for rule in (protocols[name], protocols[name].derive({"empty": "full_box"})):
        assert curve_of(item, rule) == ([0], [0])
        assert len(boxes_at(item, 0.1, rule)) == 0


def test_scores_that_do_not_reach_one_are_cut_at_shares_of_their_maximum() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    hill = 1 / (1 + (x - 5.0) ** 2 + (y - 6.0) ** 2)
    truth = np.array([[4.0, 5, 7, 8]])
    for name in ("exact", "gradcam2017"):
        rule = protocols[name].derive({"normalise": "none"})
        assert curve(hill / 2, truth, rule) == curve(hill, truth, rule)


def test_tau_is_one_for_all_images() -> None:
    """Two images, each perfect at its own threshold only: the best shared threshold gets one of them."""
    low, high = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    low[2:10, 2:10], low[4:6, 4:6] = 0.3, 1.0
    high[1:11, 1:11], high[4:6, 4:6] = 0.3, 1.0
    truths = np.array([[2.0, 2, 10, 10]]), np.array([[4.0, 4, 6, 6]])
    found = [curve(grid, gt, EXACT) for grid, gt in zip((low, high), truths, strict=True)]
    assert [max(values) for _, values in found] == [1, 1]
    curves = from_lists([b for b, _ in found], [v for _, v in found])
    assert curves.best(0.9)[0] == 0.5


@pytest.mark.full
@quickly
@given(st.lists(st.tuples(GRIDS, boxes()), min_size=1, max_size=4), st.sampled_from([1.0, 2.0, 4.0]))
def test_gamma_does_not_change_a_single_layers_best_accuracy(images: Any, gamma: float) -> None:
    """tanh(gamma M / max M) keeps the order of values, and for maps from 0 to their maximum it is the same for all."""
    ready = [(np.where(grid == grid.min(), 0, grid), gt) for grid, gt in images]
    assume(all(grid.max() > 0 for grid, _ in ready))
    for delta in EXACT.deltas:
        plain = [curve(grid, gt, EXACT) for grid, gt in ready]
        scaled = [curve(np.tanh(gamma * grid / grid.max()), gt, EXACT) for grid, gt in ready]
        best = [from_lists([b for b, _ in f], [v for _, v in f]).best(delta)[0] for f in (plain, scaled)]
        assert best[0] == best[1]


def test_the_full_frame_is_written_as_each_protocol_writes_boxes() -> None:
    truth = np.array([[0.0, 0, 223, 223]])
    whole = map_of(np.zeros((224, 224)), truth, full=True)
    reached = {n: curve_of(whole, protocols[n])[1][0] for n in ("choe2020_v1", "tscam2021")}
    assert reached["choe2020_v1"] == 1
    assert reached["tscam2021"] == 224**2 / 225**2  # its boxes are not clipped


def test_only_the_first_box_counts_where_a_protocol_says_so() -> None:
    grid = np.zeros((SIDE, SIDE))
    grid[2:5, 2:5] = 1
    truth = np.array([[8.0, 8, 11, 11], [2, 2, 5, 5]])
    assert max(curve(grid, truth, EXACT)[1]) == 1
    assert max(curve(grid, truth, EXACT.derive({"gt_boxes": "first"}))[1]) < 0.1


def test_annotations_that_count_from_one_are_moved() -> None:
    grid = np.zeros((SIDE, SIDE))
    grid[2:5, 2:5] = 1
    truth = np.array([[3.0, 3, 6, 6]])
    assert max(curve(grid, truth, EXACT.derive({"gt_origin": 1}))[1]) == 1

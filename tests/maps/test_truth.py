"""Maps drawn from annotations: how much of each cell an object covers, on every crop of every view."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.methods_frames import covered
from wsol.datasets.base import Sample
from wsol.maps.source import Loaded
from wsol.maps.truth import truth_maps
from wsol.methods._common.coverage import Region, coverage, shifts
from wsol.methods.oraclemap import OracleMap
from wsol.views import view_named

GRIDS = [(4, 4), (3, 5), (7, 7)]


def sample(boxes: list[list[float]], size: tuple[int, int] = (40, 30)) -> Sample:
    return Sample("image", 0, np.array(boxes, np.float64).reshape(-1, 4), size)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.25, -0.4)])
def test_a_box_covers_what_a_fine_grid_of_points_says(grid: tuple[int, int], shift: tuple[float, float]) -> None:
    inside = np.zeros((60, 80), bool)
    inside[12:47, 20:64] = True
    region = Region((20 / 80, 12 / 60, 64 / 80, 47 / 60))
    np.testing.assert_allclose(coverage(region, grid, shift), covered(inside, grid, shift), atol=0.05)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shift", [(0.0, 0.0), (-0.3, 0.1)])
def test_a_mask_covers_what_a_fine_grid_of_points_says(grid: tuple[int, int], shift: tuple[float, float]) -> None:
    mask = (np.random.default_rng(0).random((12, 16)) < 0.4).astype(np.uint8)
    inside = np.kron(mask.astype(bool), np.ones((5, 5), bool))
    inside[:10] = inside[50:] = False  # the box ends between two pixels of the mask's next finer grid
    region = Region((0.0, 10 / 60, 1.0, 50 / 60), mask)
    np.testing.assert_allclose(coverage(region, grid, shift), covered(inside, grid, shift), atol=0.05)


def test_a_full_mask_in_a_box_is_the_box() -> None:
    box = (0.13, 0.2, 0.71, 0.93)
    full = Region(box, np.ones((9, 11), np.uint8))
    np.testing.assert_allclose(coverage(full, (5, 6), (0.2, 0.1)), coverage(Region(box), (5, 6), (0.2, 0.1)))


def test_shifts_fill_the_cell_and_start_in_its_middle() -> None:
    points = np.array(shifts(8))
    assert points[0].tolist() == [0, 0]
    assert len(np.unique(points[:, 0])) == len(np.unique(points[:, 1])) == 8
    assert points.min() >= -0.5
    assert points.max() < 0.5


def test_each_box_and_its_mask_is_drawn_at_each_shift_the_largest_first() -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10:20] = 1
    one = Loaded(sample=sample([[0, 0, 4, 4], [8, 8, 30, 25]]), mask=mask)
    layout = view_named("squash", 32).layout((40, 30))
    maps = list(truth_maps(OracleMap(shifts=3), one, layout, [(4, 4)], merge="sum"))
    assert len(maps) == 3 * 2 * 2
    large = Region((8 / 40, 8 / 30, 30 / 40, 25 / 30))
    np.testing.assert_allclose(maps[1], coverage(large, (4, 4), (0, 0)))
    assert maps[0].sum() < maps[1].sum()
    assert len(list(truth_maps(OracleMap(shifts=1, boxes=1), one, layout, [(4, 4)], merge="sum"))) == 2


def test_without_a_box_and_a_mask_there_is_one_map_of_zeros() -> None:
    layout = view_named("squash", 32).layout((40, 30))
    (only,) = truth_maps(OracleMap(), Loaded(sample=sample([])), layout, [(4, 4)], merge="sum")
    assert not only.any()


def test_crops_of_a_view_show_the_object_where_it_is() -> None:
    layout = view_named("tencrop", 224).layout((256, 256))
    one = Loaded(sample=sample([[30, 40, 90, 200]], (256, 256)))
    canvas = next(truth_maps(OracleMap(), one, layout, [(14, 14)] * 10, merge="sum"))
    inside = np.zeros(canvas.shape, bool)
    inside[40:200, 30:90] = True
    assert canvas[inside].mean() > 5 * canvas[~inside].mean()
    left, right = canvas[40:200, :128].sum(), canvas[40:200, 128:].sum()
    assert left > 20 * right  # mirrored crops are mirrored back

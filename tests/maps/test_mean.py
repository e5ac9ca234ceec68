"""The mean map of all other images against its twin, and what it must not know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.reference.mean_map import mean_of_others
from wsol.maps.mean import STEPS, common_grid, sum_of

Images = list[list[NDArray[Any]]]


def images_of(rng: np.random.Generator, *, count: int, crops: int, shapes: list[tuple[int, int]]) -> Images:
    return [[rng.normal(size=shapes[n % len(shapes)]) for _ in range(crops)] for n in range(count)]


@pytest.mark.parametrize("crops", [1, 3])
@pytest.mark.parametrize("shapes", [[(4, 4)], [(4, 4), (4, 4), (3, 6)]])
def test_it_is_the_twins(crops: int, shapes: list[tuple[int, int]]) -> None:
    images = images_of(np.random.default_rng(0), count=7, crops=crops, shapes=shapes)
    images[2] = [np.full(shapes[0], 3.0) for _ in range(crops)]  # flat
    images[5][0] = np.full(shapes[0], np.nan)
    whole = sum_of(images, (4, 4))
    assert whole is not None
    for place, own in enumerate(images):
        mine, theirs = whole.without(own), mean_of_others(images, place, (4, 4))
        assert mine is not None
        assert theirs is not None
        assert mine.shape == (crops, 4, 4)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1 / STEPS)


def test_its_own_map_leaves_no_trace_and_the_order_none_either() -> None:
    rng = np.random.default_rng(1)
    images = images_of(rng, count=6, crops=1, shapes=[(3, 3)])
    whole, others = sum_of(images, (3, 3)), sum_of(images[:2] + images[3:], (3, 3))
    turned = sum_of(images[::-1], (3, 3))
    assert whole is not None
    assert others is not None
    assert turned is not None
    own = whole.without(images[2])
    assert own is not None
    assert np.array_equal(own, others.total / (others.count * STEPS))  # to the last bit
    assert np.array_equal(turned.total, whole.total)


def test_scale_and_offset_of_a_map_don_t_matter() -> None:
    images = images_of(np.random.default_rng(2), count=3, crops=1, shapes=[(2, 2)])
    scaled = [[4.0 * one + 8.0 for one in crops] for crops in images]
    first, second = sum_of(images, (2, 2)), sum_of(scaled, (2, 2))
    assert first is not None
    assert second is not None
    assert np.abs(first.total - second.total).max() <= 3  # steps of 2**-40


def test_without_another_map_there_is_none() -> None:
    good, bad = [np.eye(2)], [np.full((2, 2), np.inf)]
    whole = sum_of([good, bad], (2, 2))
    assert whole is not None
    assert whole.without(good) is None
    assert whole.without(bad) is not None
    assert sum_of([bad], (2, 2)) is None


def test_the_common_grid_is_that_of_most_maps() -> None:
    assert common_grid([(7, 7), (7, 9), (7, 7)]) == (7, 7)
    assert common_grid([(7, 7), (7, 9)]) == (7, 9)
    assert common_grid([(9, 7), (7, 9)]) == (9, 7)

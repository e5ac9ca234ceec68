"""Pooled numbers without one image each: their error, and the degrees of freedom that it has."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from wsol.stats.bootstrap import average, draw
from wsol.stats.intervals import standard_error
from wsol.stats.jackknife import PARTS, jackknife_error, kurtosis_degrees, left_out
from wsol.stats.paired import difference
from wsol.stats.resamples import Resamples


def share(part: NDArray[np.float64], whole: NDArray[np.float64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((weights @ part) / (weights @ whole))


def best(found: NDArray[np.float64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((weights @ found).max(1) / weights.sum(1))


def test_of_a_mean_the_error_is_the_standard_error() -> None:
    values = np.random.default_rng(0).beta(0.8, 3, 30)
    without = np.array([np.delete(values, i).mean() for i in range(30)])
    assert jackknife_error(without) == pytest.approx(standard_error(values))
    drawn = draw(functools.partial(share, values, np.ones(30)), Resamples(30, 5))
    assert drawn.without is not None
    np.testing.assert_allclose(drawn.without, without, rtol=1e-6)


def test_parts_are_whole_clusters_and_of_one_size() -> None:
    clusters = Resamples.of(["a", "b", "a", "c"])
    np.testing.assert_array_equal(left_out(clusters), [[0, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 0]])
    many = left_out(Resamples(3 * PARTS - 1))
    np.testing.assert_array_equal((many == 0).sum(0), 1)  # each image is missing once
    assert set((many == 0).sum(1).tolist()) <= {3, 4}
    assert len(many) <= PARTS


def test_of_several_images_at_a_time_the_error_is_about_the_same() -> None:
    values = np.random.default_rng(1).random(1000)
    drawn = draw(functools.partial(share, values, np.ones(1000)), Resamples(1000, 5))
    assert drawn.without is not None
    assert len(drawn.without) == PARTS
    assert jackknife_error(drawn.without) == pytest.approx(standard_error(values), rel=0.15)


def test_degrees_of_freedom_fall_with_the_few_images_that_move_the_number() -> None:
    """By hand: where one of n images moves it, b is about n, so that 2 degrees are left; where two do, 4."""
    assert kurtosis_degrees(np.eye(50)[0], 50) == 2
    assert kurtosis_degrees(np.eye(50)[0] - np.eye(50)[1], 50) == 4
    assert kurtosis_degrees(np.tile([0.0, 1.0], 25), 50) == 49
    assert kurtosis_degrees(np.zeros(50), 50) == 49
    assert kurtosis_degrees(np.array([np.nan, 1.0]), 2) == 1
    normal = np.random.default_rng(2).normal(size=20_000)
    assert kurtosis_degrees(normal, 20_000) == pytest.approx(20_000, rel=0.05)


def test_one_image_with_most_of_the_pixels_widens_the_interval() -> None:
    n = 40
    part, whole = np.random.default_rng(3).random(n), np.ones(n)
    part[0], whole[0] = 15.0, 20.0
    drawn = draw(functools.partial(share, part, whole), Resamples(n, 400), bounds=(0, 1))
    assert drawn.degrees <= 4
    without = (part.sum() - part) / (whole.sum() - whole)
    assert drawn.error >= jackknife_error(without) * (1 - 1e-6)
    assert drawn.estimate().low < drawn.value < drawn.estimate().high


def test_the_best_of_several_loses_its_bias() -> None:
    """Both thresholds are as good as each other; the higher share of few images is not the population's."""
    rng, n, above, below = np.random.default_rng(4), 20, 0, 0
    for _ in range(200):
        found = (rng.random((n, 12)) < 0.5).astype(float)
        estimate = draw(functools.partial(best, found), Resamples(n, 100), bounds=(0, 1)).estimate()
        above, below = above + (estimate.low > 0.5), below + (estimate.high < 0.5)
    assert (above + below) / 200 <= 0.2  # 12 thresholds of which none is better: 0.45 with the bias


def test_a_difference_takes_the_jackknife_of_both() -> None:
    n = 30
    rng = np.random.default_rng(5)
    whole = rng.beta(0.4, 3, n) + 0.01
    a, b = (draw(functools.partial(share, whole * rng.random(n), whole), Resamples(n, 50), bounds=(0, 1)) for _ in "ab")
    assert a.without is not None
    assert b.without is not None
    found = difference(a, b)
    again = difference(average([a, a]), average([b, b]))
    assert (found.p, found.low) == pytest.approx((again.p, again.low))
    assert (found.high - found.low) / 2 >= 2 * jackknife_error(a.without - b.without) * 0.99

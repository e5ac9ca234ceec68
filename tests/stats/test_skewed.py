"""Means of few and skewed numbers: intervals that hold where Student's do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import beta

from wsol.stats.bootstrap import draw, draw_mean
from wsol.stats.paired import difference
from wsol.stats.resamples import Resamples
from wsol.stats.skewed import KEPT, bounded_mean, is_skewed, zero_mean_p, zero_mean_p_values

SAMPLES = 400
Numbers = Callable[[np.random.Generator, int], NDArray[np.float64]]
MADE: dict[str, tuple[Numbers, float]] = {
    "95 % zeros": (lambda rng, n: (rng.random(n) < 0.05) * rng.random(n), 0.025),
    "90 % zeros": (lambda rng, n: (rng.random(n) < 0.1) * rng.random(n), 0.05),
    "a few near 1": (lambda rng, n: rng.beta(0.2, 2, n), 0.2 / 2.2),
    "deletion": (lambda rng, n: rng.beta(0.8, 3, n), 0.8 / 3.8),
    "even": (lambda rng, n: rng.random(n), 0.5),
}


@pytest.mark.parametrize(("hits", "n"), [(0, 8), (1, 8), (8, 8), (3, 40), (KEPT + 1, KEPT + 1), (2, KEPT + 100)])
def test_of_bits_the_interval_is_that_of_clopper_and_pearson(hits: int, n: int) -> None:
    low, high = bounded_mean(np.arange(n) < hits, 0, 1, level=0.95)
    assert low == pytest.approx(beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0, abs=0.05 / np.sqrt(n))
    assert high == pytest.approx(beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0, abs=0.05 / np.sqrt(n))


@pytest.mark.parametrize("n", [2, 5, 8, 50])
@pytest.mark.parametrize(("value", "bounds"), [(0.0, (0, 1)), (1.0, (0, 1)), (-1.0, (-1, 1)), (1.0, (-1, 1))])
def test_equal_numbers_at_a_bound_have_an_interval_that_ends_there(
    value: float, bounds: tuple[float, float], n: int
) -> None:
    found = draw_mean(np.full(n, value), Resamples(n, 1), bounds=bounds).estimate()
    assert bounds[0] <= found.low < found.high <= bounds[1]
    assert value in (found.low, found.high)


@pytest.mark.parametrize("n", [8, 20])
@pytest.mark.parametrize("kind", MADE)
def test_intervals_of_few_skewed_numbers_cover_their_mean(kind: str, n: int) -> None:
    """95 % shows as 95 +- 1.1 in 400 samples; Student's interval covers 32 and 56 % of the first kind."""
    rng, (numbers, truth) = np.random.default_rng(n), MADE[kind]
    found = [draw_mean(numbers(rng, n), Resamples(n, 1), bounds=(0, 1)).estimate() for _ in range(SAMPLES)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.925
    assert all(0 <= one.low < one.high <= 1 and one.low <= one.value <= one.high for one in found)


@pytest.mark.parametrize("n", [8, 20])
def test_a_constant_and_many_zeros_with_the_same_mean_are_rarely_told_apart(n: int) -> None:
    """Where all zeros are drawn, every difference is the same: 46 % at n = 8 by Student's test."""
    rng, rejected = np.random.default_rng(n), 0
    for _ in range(SAMPLES):
        a, b = (rng.random(n) < 0.1) * rng.random(n), np.full(n, 0.05)
        found = difference(*(draw_mean(x, Resamples(n, 2), bounds=(0, 1)) for x in (a, b)))
        rejected += found.p < 0.05
        assert (found.low <= 0 <= found.high) == (found.p >= 0.05)
    assert rejected / SAMPLES <= 0.05


def test_a_clear_difference_of_skewed_numbers_is_still_found() -> None:
    rng = np.random.default_rng(0)
    apart = np.where(np.arange(60) < 57, 0.3, 0.0) + 0.01 * rng.random(60)
    assert is_skewed(apart)
    assert zero_mean_p(apart, -1, 1) < 0.01


@pytest.mark.parametrize("n", [8, KEPT, KEPT + 1])
def test_several_rows_are_tested_as_each_alone(n: int) -> None:
    rng = np.random.default_rng(n)
    rows = np.where(rng.random((4, n)) < 0.6, rng.uniform(-0.4, 0.4, (4, n)) + np.arange(4)[:, None] / n**0.5 / 4, 0)
    reach = np.array([0.8, 1.0, 2.0, 1.0])
    alone = [zero_mean_p(row, -most, most) for row, most in zip(rows, reach, strict=True)]
    assert zero_mean_p_values(rows, reach).tolist() == alone
    assert len(set(alone)) > 1


def test_skewed_numbers_without_bounds_have_no_interval_and_the_sign_test() -> None:
    n = 12
    zeros, ones = (draw_mean(x, Resamples(n, 5)) for x in (np.eye(n)[0], np.full(n, 1.0)))
    assert (zeros.interval, np.isnan(zeros.estimate().low)) == ("none", True)
    found = difference(zeros, ones)
    assert np.isnan(found.low)
    assert found.p == pytest.approx(2 * 0.5**11)  # 11 of 11 lower


def test_symmetric_numbers_keep_students_interval_cut_at_their_bounds() -> None:
    drawn = draw_mean([0.1, 0.5, 0.9, 0.5], Resamples(4, 5), bounds=(0, 1))
    assert drawn.interval == "student"
    half = 3.18245 * np.std([0.1, 0.5, 0.9, 0.5], ddof=1) / 2
    assert (drawn.estimate().low, drawn.estimate().high) == (max(0, 0.5 - half), min(1, 0.5 + half))  # 0.520


def test_pooled_shares_have_intervals_inside_their_bounds() -> None:
    part, whole = np.tile([9.0, 8, 10, 9, 10, 7, 10], 3), np.full(21, 10.0)
    drawn = draw(lambda w: (w @ part) / (w @ whole), Resamples(21, 400), bounds=(0, 1))
    low, value, high = drawn.estimate().low, drawn.value, drawn.estimate().high
    assert 0 < low < value < high < 1
    assert value - low > high - value  # bent, since there is more room below

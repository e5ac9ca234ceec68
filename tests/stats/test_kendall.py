"""Kendall's tau of two rankings, against one pair after the other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from wsol.stats.kendall import kendall_tau, tau_interval


def slowly(first: list[float], second: list[float]) -> float:
    """Tau-b by its definition: concordant less discordant pairs, over the pairs without a tie on either side."""
    score, there, also = 0, 0, 0
    for i, j in combinations(range(len(first)), 2):
        a, b = first[i] - first[j], second[i] - second[j]
        score += (a * b > 0) - (a * b < 0)
        there += a != 0
        also += b != 0
    return score / (there * also) ** 0.5


def test_rankings_that_one_can_see() -> None:
    values = np.array([3.0, 2.0, 1.0])
    assert kendall_tau(values, values) == 1
    assert kendall_tau(values, -values) == -1
    assert kendall_tau(values, np.array([3.0, 1.0, 2.0])) == pytest.approx(1 / 3)
    assert np.isnan(kendall_tau(values, np.ones(3)))


@pytest.mark.parametrize("seed", range(20))
def test_tau_is_that_of_the_pairs_with_ties_too(seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = draw.integers(0, 5, (2, 8)).astype(float)
    assert kendall_tau(first, second) == pytest.approx(slowly(first.tolist(), second.tolist()))


def test_many_replicates_at_once_are_as_one_by_one() -> None:
    first, second = np.random.default_rng(0).random((2, 50, 6))
    each = [slowly(a.tolist(), b.tolist()) for a, b in zip(first, second, strict=True)]
    assert kendall_tau(first, second) == pytest.approx(each)
    assert tau_interval(first, second) == pytest.approx(tuple(np.quantile(each, [0.025, 0.975])))


def test_an_interval_leaves_out_replicates_without_a_tau() -> None:
    first = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]])
    assert tau_interval(first, first) == (1.0, 1.0)
    assert np.isnan(tau_interval(first[1:], first[1:])).all()

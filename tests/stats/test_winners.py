"""The interval of a winner: by hand, by its parts, and by how often it holds the truth."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from scripts.interval_coverage import covered, winner_of_best_world, winner_world
from tests.stats.made_up import from_matrix, iou_matrix
from wsol.errors import ConfigError
from wsol.stats.best import draw_best
from wsol.stats.bootstrap import draw_mean
from wsol.stats.resamples import Resamples
from wsol.stats.selection import hybrid, winner
from wsol.stats.tails import normal_quantile

INF = math.inf


def test_without_rivals_nearby_it_is_the_usual_interval() -> None:
    low, middle, high = hybrid(10.0, 2.0, -INF, INF, 50.0)
    alpha = 0.045 / 0.995  # 5 % without the half per cent of the interval for all at once
    reach = 2 * normal_quantile(1 - alpha)
    assert (low, middle, high) == pytest.approx((10 - reach, 10, 10 + reach))


def test_a_number_cut_off_just_below_is_likely_to_be_lucky() -> None:
    low, middle, high = hybrid(1.0, 1.0, 0.9, INF, 4.0)
    assert 1 - 4 <= low < middle < 1 < high
    for mu, share in ((low, 1 - 0.0225 / 0.995), (middle, 0.5), (high, 0.0225 / 0.995)):
        # by numbers: draws of N(mu, 1) that lie above 0.9 and within four errors of mu
        x = np.linspace(max(0.9, mu - 4), mu + 4, 400_001)
        density = np.exp(-((x - mu) ** 2) / 2)
        assert density[x < 1.0].sum() / density.sum() == pytest.approx(share, abs=1e-3)


def test_a_further_rival_matters_less() -> None:
    ends = [hybrid(1.0, 1.0, below, INF, 4.0) for below in (0.9, 0.5, 0.0, -1.0)]
    assert all(a[0] < b[0] and a[2] < b[2] for a, b in pairwise(ends))
    assert hybrid(1.0, 1.0, -3.0, INF, 4.0) == pytest.approx(hybrid(1.0, 1.0, -INF, INF, 4.0), abs=0.02)


def test_equal_rivals_widen_the_interval_and_a_poor_one_does_not() -> None:
    rng, plan = np.random.default_rng(0), Resamples(300, 500)
    bits = np.arange(300) % 5 > 1
    draws = [draw_mean(rng.permutation(bits), plan, bounded=True) for _ in range(8)]
    poor = draw_mean(rng.random(300) < 0.2, plan, bounded=True)
    plain = draws[0].estimate()
    among, ahead = winner(draws[0], draws[1:]), winner(draws[0], [poor])
    assert among is not None
    assert ahead is not None
    assert (among.candidates, among.estimate.value) == (8, plain.value)
    assert among.estimate.low < plain.low - 0.01
    assert among.unbiased < plain.value - 0.005
    assert (ahead.estimate.low, ahead.estimate.high) == pytest.approx((plain.low, plain.high), abs=0.004)
    assert ahead.unbiased == pytest.approx(plain.value, abs=1e-3)


def test_lower_is_better_is_the_same_turned_over() -> None:
    rng, plan = np.random.default_rng(1), Resamples(120, 400)
    scores = [rng.beta(2, 3, 120) for _ in range(6)]
    up = sorted((draw_mean(x, plan) for x in scores), key=lambda one: -one.value)
    down = sorted((draw_mean(1 - x, plan) for x in scores), key=lambda one: one.value)
    high, low = winner(up[0], up[1:]), winner(down[0], down[1:], higher_is_better=False)
    assert high is not None
    assert low is not None
    assert (1 - low.estimate.high, 1 - low.estimate.low) == pytest.approx((high.estimate.low, high.estimate.high))
    assert 1 - low.unbiased == pytest.approx(high.unbiased)


def test_a_tie_has_an_interval_too() -> None:
    bits, plan = np.arange(100) % 5 > 1, Resamples(100, 400)
    tied = winner(draw_mean(bits, plan, bounded=True), [draw_mean(bits[::-1], plan, bounded=True)])
    assert tied is not None
    assert tied.estimate.low < 0.55 < tied.estimate.high


def test_a_winner_of_none_or_without_error_has_no_such_interval() -> None:
    plan = Resamples(20, 50)
    mean, sure = draw_mean(np.arange(20) % 2, plan, bounded=True), draw_mean(np.ones(20), plan, bounded=True)
    assert winner(mean, []) is None
    assert winner(sure, [mean]) is None
    with pytest.raises(ConfigError, match="best value of all candidates"):
        winner(mean, [sure])
    with pytest.raises(ConfigError, match="same images and resamples"):
        winner(sure, [draw_mean(np.zeros(20), Resamples(20, 50, 1))])


def test_a_chosen_threshold_is_allowed_for_as_well() -> None:
    rng, plan = np.random.default_rng(2), Resamples(80, 300)
    draws = [draw_best(from_matrix(iou_matrix(rng, 80)), 0.5, plan)["maxboxacc"] for _ in range(5)]
    draws.sort(key=lambda one: -one.value)
    found, plain = winner(draws[0], draws[1:]), draws[0].estimate()
    assert found is not None
    assert found.estimate.low < plain.low
    assert found.unbiased < draws[0].value - draws[0].optimism()[1]


@pytest.mark.full
@pytest.mark.parametrize("k", [2, 10, 100])
@pytest.mark.parametrize(("spread", "correlation"), [(0.0, 0.0), (0.0, 0.8), (0.1, 0.8)])
def test_winners_intervals_cover(k: int, spread: float, correlation: float) -> None:
    found = covered(winner_world(200, k, spread, correlation), 200)
    assert 0.92 <= found[""][0] <= 0.99
    if k == 100 and not spread:
        assert found[", plain"][0] < 0.8


@pytest.mark.full
def test_winners_at_their_best_thresholds_cover() -> None:
    found = covered(winner_of_best_world(150, 10), 150)
    assert found[""][0] >= 0.91
    assert found[", plain"][0] < found[""][0]

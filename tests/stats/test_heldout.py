"""Thresholds chosen on other images, and the spread over seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.stats.made_up import from_lists, from_matrix, iou_matrix
from wsol.errors import DataError
from wsol.stats.bootstrap import draw_mean
from wsol.stats.heldout import split_half
from wsol.stats.resamples import Resamples
from wsol.stats.seeds import seed_spread


def test_the_threshold_of_one_split_is_used_on_the_other() -> None:
    val = from_lists([[0, 3], [0, 3]], [[0.1, 0.9], [0.1, 0.9]], levels=10)
    test = from_lists([[0, 3], [0, 3], [0, 5]], [[0.9, 0.1], [0.1, 0.9], [0.8, 0.1]], levels=10)
    assert test.best(0.5) == (pytest.approx(2 / 3), 0.0)
    tau = val.hits(0.5).best()[1]
    assert tau == 3
    assert test.hits(0.5).at(tau).tolist() == [False, True, True]
    assert test.hits(0.9, ge=False).at(0).tolist() == [False, False, False]


def test_halves_judge_each_other() -> None:
    curves = from_matrix(iou_matrix(np.random.default_rng(0), 101))
    got = split_half(curves.hits(0.5), seed=3)
    assert sorted(got.chosen_on) == [50, 51]
    assert len(got.tau) == 2
    # each half must be explained by the threshold of the other one
    fits = [got.hits == curves.hits(0.5).at(tau) for tau in got.tau]
    assert (fits[0] | fits[1]).all()
    assert got.hits.tolist() == split_half(curves.hits(0.5), seed=3).hits.tolist()


def test_held_out_thresholds_do_not_flatter() -> None:
    """On average over samples: in-sample above the population's best, held-out below or at it."""
    rng = np.random.default_rng(0)
    in_sample, halves = [], []
    for _ in range(60):
        curves = from_matrix((rng.random((40, 100)) < 0.5) * 1.0)
        in_sample.append(curves.best(0.5)[0])
        halves.append(split_half(curves.hits(0.5)).hits.mean())
    assert np.mean(in_sample) > 0.65
    assert np.mean(halves) == pytest.approx(0.5, abs=0.03)


def test_splits_that_cannot_be_judged_are_refused() -> None:
    one = from_lists([[0]], [[0.5]], levels=10)
    with pytest.raises(DataError, match="can't be cut in halves"):
        split_half(one.hits(0.5))


def test_seed_spread_is_kept_apart_from_sampling_error() -> None:
    plan = Resamples(50)
    x = np.random.default_rng(0).random(50)
    got = seed_spread([draw_mean(x + shift, plan) for shift in (-0.1, 0.0, 0.1)])
    assert (got.value, got.std, got.seeds) == (pytest.approx(x.mean()), pytest.approx(0.1), 3)
    alone = draw_mean(x, plan).estimate()
    assert (got.low, got.high) == pytest.approx((alone.low, alone.high))
    assert math.isnan(seed_spread([draw_mean(x, plan)]).std)
    with pytest.raises(DataError, match="no seeds"):
        seed_spread([])

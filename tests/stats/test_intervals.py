"""Wilson, Student and cluster errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.stats import clustered_error, wilson_by_search
from wsol.errors import ConfigError, DataError
from wsol.stats.intervals import mean, proportion, standard_error, wilson

SHARES = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(SHARES, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_the_set_of_shares_the_score_test_keeps(counts: tuple[int, int], level: float) -> None:
    z = {0.8: 1.2815515655446004, 0.95: 1.959963984540054, 0.99: 2.5758293035489004}[level]
    assert wilson(*counts, level=level) == pytest.approx(wilson_by_search(*counts, z), abs=1e-7)


def test_wilson_by_hand() -> None:
    low, high = wilson(0, 10)
    z2 = 1.959963984540054**2
    assert (low, high) == (0.0, pytest.approx(z2 / (10 + z2)))
    assert wilson(10, 10) == (pytest.approx(10 / (10 + z2)), 1.0)


def test_half_widths_of_the_handbook() -> None:
    """field.md 6: p about 0.55 gives 0.44 points on 50,000 images, 1.28 on 5,794, 2.18 on 2,000."""
    for n, points in ((50_000, 0.44), (5_794, 1.28), (2_000, 2.18)):
        low, high = wilson(0.55 * n, n)
        assert 50 * (high - low) == pytest.approx(points, abs=0.005)


def test_the_mean_of_four_numbers_by_hand() -> None:
    got = mean([1.0, 2.0, 3.0, 4.0])
    half = 3.182446305284263 * math.sqrt(5 / 3) / 2  # t(0.975, 3), sample variance 5/3
    assert (got.value, got.low, got.high, got.n) == (2.5, pytest.approx(2.5 - half), pytest.approx(2.5 + half), 4)


@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("abc")), min_size=4, max_size=12))
def test_cluster_errors_equal_the_double_sum(rows: list[tuple[float, str]]) -> None:
    values, labels = [value for value, _ in rows], [label for _, label in rows]
    if len(set(labels)) > 1:
        got = standard_error(np.array(values), clusters=labels)
        assert got == pytest.approx(clustered_error(values, labels), abs=1e-7)


def test_clusters_of_one_image_change_nothing() -> None:
    bits = np.array([0, 1, 1, 0, 1, 1, 1])
    assert standard_error(bits * 1.0, clusters=np.arange(7)) == pytest.approx(standard_error(bits * 1.0))
    assert proportion(bits).low == pytest.approx(wilson(5, 7)[0])
    assert proportion(bits, clusters=np.arange(7)).low == pytest.approx(wilson(5, 7)[0])


def test_copies_of_an_image_in_one_cluster_count_once() -> None:
    bits = np.random.default_rng(0).random(50) < 0.7
    once, copied = proportion(bits), proportion(np.repeat(bits, 4), clusters=np.repeat(np.arange(50), 4))
    assert copied.value == once.value
    # up to n / (n - 1) on the two scales
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.02)
    assert copied.high - copied.low > 1.8 * (proportion(np.repeat(bits, 4)).high - proportion(np.repeat(bits, 4)).low)


def test_what_tells_nothing_about_spread_gives_no_interval() -> None:
    assert math.isnan(mean([0.4]).low)
    assert math.isnan(proportion([1, 0, 1], clusters=["a", "a", "a"]).low)
    assert proportion([1]).low == wilson(1, 1)[0]


def test_values_that_cannot_be_averaged_are_refused() -> None:
    for bad, words in (
        ([], "at least one image"),
        ([[1.0]], "one number"),
        ([0.1, float("inf")], "value 1 is not finite"),
    ):
        with pytest.raises(DataError, match=words):
            mean(bad)
    with pytest.raises(DataError, match="no images"):
        wilson(0, 0)
    with pytest.raises(DataError, match="2 cluster labels for 3 images"):
        mean([1, 2, 3], clusters=[0, 1])
    with pytest.raises(ConfigError, match="level=95"):
        mean([1, 2, 3], level=95)

"""Tails of distributions against exact sums and scipy's independent code."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from wsol.errors import ConfigError
from wsol.stats.tails import binomial_below, incomplete_beta, normal_quantile, t_quantile, t_tails


@given(st.integers(0, 200), st.integers(0, 200))
def test_binomial_tails_equal_the_sum_of_their_terms(k: int, n: int) -> None:
    exact = sum(math.comb(n, j) for j in range(min(k, n) + 1)) / 2**n
    assert binomial_below(k, n) == pytest.approx(exact, rel=1e-11)
    assert binomial_below(-1, n) == 0


@given(st.floats(0.05, 3000), st.floats(0.05, 3000), st.floats(0, 1))
def test_the_incomplete_beta_function_equals_scipys(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-9, abs=1e-14)


@given(st.floats(-30, 30), st.one_of(st.integers(1, 100), st.integers(100, 10**7)))
def test_student_tails_equal_scipys(t: float, df: int) -> None:
    # from a million degrees of freedom on the normal distribution stands in, right to six digits
    assert t_tails(t, df) == pytest.approx(2 * special.stdtr(df, -abs(t)), rel=1e-7, abs=1e-12 if df < 10**6 else 1e-6)


@pytest.mark.parametrize("df", [1, 2, 3, 10, 99, 5793, 49_999, 10**6])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.999])
def test_student_quantiles_equal_scipys(level: float, df: int) -> None:
    relative = 1e-5 if df == 10**6 else 1e-9
    assert t_quantile(level, df) == pytest.approx(special.stdtrit(df, (1 + level) / 2), rel=relative)
    assert t_tails(t_quantile(level, df), df) == pytest.approx(1 - level, rel=1e-9)


def test_tails_by_hand() -> None:
    # one degree of freedom is Cauchy's distribution, two have tails 1 - t / sqrt(2 + t^2)
    assert t_tails(1.0, 1) == pytest.approx(0.5)
    assert t_tails(3.0, 2) == pytest.approx(1 - 3 / math.sqrt(11))
    assert binomial_below(1, 3) == pytest.approx(0.5)
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054)


def test_a_level_outside_zero_and_one_is_refused() -> None:
    for level in (0, 1, 95):
        with pytest.raises(ConfigError, match=f"level={level}"):
            normal_quantile(level)

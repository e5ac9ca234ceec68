"""Tails of distributions against exact sums and closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsol.errors import ConfigError
from wsol.stats.tails import binomial_below, normal_quantile, t_quantile, t_tails


@given(st.integers(0, 200), st.integers(0, 200))
def test_binomial_tails_equal_the_sum_of_their_terms(k: int, n: int) -> None:
    exact = sum(math.comb(n, j) for j in range(min(k, n) + 1)) / 2**n
    assert binomial_below(k, n) == pytest.approx(exact, rel=1e-11)
    assert binomial_below(-1, n) == 0


@given(st.floats(0.01, 1e3) | st.floats(-1e3, -0.01))  # nearer to 0, where p is 1, scipy has eight digits
def test_student_tails_have_closed_forms_for_one_and_two_degrees_of_freedom(t: float) -> None:
    # one degree of freedom is Cauchy's distribution, two have tails 1 - t / sqrt(2 + t^2)
    assert t_tails(t, 1) == pytest.approx(1 - 2 * math.atan(abs(t)) / math.pi, abs=1e-12)
    assert t_tails(t, 2) == pytest.approx(1 - abs(t) / math.hypot(math.sqrt(2), t), abs=1e-12)


@given(st.floats(-30, 30))
def test_student_with_many_degrees_of_freedom_is_normal(t: float) -> None:
    assert t_tails(t, 10**9) == pytest.approx(math.erfc(abs(t) / math.sqrt(2)), rel=1e-3, abs=1e-12)


@pytest.mark.parametrize("df", [1, 2, 3, 10, 99, 5793, 49_999, 10**6])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.999])
def test_quantiles_leave_their_tails(level: float, df: int) -> None:
    assert t_quantile(level, df) > 0
    assert t_tails(t_quantile(level, df), df) == pytest.approx(1 - level, rel=1e-9)


def test_tails_by_hand() -> None:
    assert t_tails(1.0, 1) == pytest.approx(0.5)
    assert t_tails(3.0, 2) == pytest.approx(1 - 3 / math.sqrt(11))
    assert binomial_below(1, 3) == pytest.approx(0.5)
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054)


def test_a_level_outside_zero_and_one_is_refused() -> None:
    for level in (0, 1, 95):
        with pytest.raises(ConfigError, match=f"level={level}"):
            normal_quantile(level)
        with pytest.raises(ConfigError, match=f"level={level}"):
            t_quantile(level, 10)

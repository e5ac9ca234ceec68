"""Tails of Student's and the binomial distribution, from the incomplete beta function.

Written out because importing a library for two functions would cost every `wsol table` a third of a second.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from wsol.errors import ConfigError

NORMAL_FROM = 10**6  # degrees of freedom from which Student's distribution is the normal one to six digits
TINY = 1e-300  # stands for zero in the continued fraction, so that it can be divided by


def normal_quantile(level: float) -> float:
    """z with `level` of the normal distribution within +- z: 1.96 for 0.95."""
    if not 0 < level < 1:
        raise ConfigError(f"level={level}: an interval's level lies between 0 and 1; 0.95 is the default")
    return NormalDist().inv_cdf((1 + level) / 2)


def t_tails(t: float, df: int) -> float:
    """Two-sided p of a t value: I_x(df/2, 1/2) at x = df / (df + t^2)."""
    if df >= NORMAL_FROM:
        return math.erfc(abs(t) / math.sqrt(2))
    return incomplete_beta(df / 2, 0.5, df / (df + t * t))


@lru_cache(maxsize=256)
def t_quantile(level: float, df: int) -> float:
    """t with `level` of Student's distribution within +- t."""
    t = normal_quantile(level)
    if df >= NORMAL_FROM:
        return t
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    for _ in range(100):
        # the tails are convex in t and too heavy at the normal quantile: Newton climbs to the root from below
        density = math.exp(log_scale - (df + 1) / 2 * math.log1p(t * t / df))
        step = (t_tails(t, df) - (1 - level)) / (2 * density)
        t += step
        if abs(step) < 1e-12 * t:
            break
    return t


def binomial_below(k: int, n: int) -> float:
    """P(X <= k) of n fair coins: I_{1/2}(n - k, k + 1)."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else incomplete_beta(n - k, k + 1, 0.5)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz & Stegun 26.5.8)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # modified Lentz: fraction = 1 / (1 + d1 / (1 + d2 / (1 + ...)))
    fraction = upper = 1.0
    lower = 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / ((1 + term * lower) or TINY)
        upper = (1 + term / upper) or TINY
        fraction *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return math.exp(log_front) / (a * fraction)

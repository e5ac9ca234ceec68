"""Which printed percentages are a whole number of images out of n, and how many numbers would be by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from wsol.published.audit._base import Number

LONG = 5  # decimals from which a printed number is a computed one, not rounded for a table
MOST_DIGITS = 4  # of a number printed in full that are trusted: it may have been computed in float32
ROUNDED, TRUNCATED = "rounded", "truncated"


def is_possible(value: float, digits: int, n: int, *, rule: str = ROUNDED) -> bool:
    """Whether 100 k / n, rounded or truncated to `digits` decimals, is `value` for some whole k.

    Ties may be rounded either way. Computed in whole numbers, so no float decides.
    """
    digits = min(digits, MOST_DIGITS)
    scale = 100 * 10**digits
    shown = round(value * 10**digits)
    low = shown * n // scale
    for k in (low, low + 1):
        over = scale * k - shown * n  # n times what k images are above the printed number, in its last place
        if 0 <= k <= n and (2 * abs(over) <= n if rule == ROUNDED else 0 <= over < n):
            return True
    return False


@lru_cache(maxsize=64)
def base_rate(n: int, digits: int, *, either: bool = False) -> float:
    """The share of all percentages with `digits` decimals that are possible counts of n; `either`: truncated ones too.

    At n = 5,794 and two decimals 0.58, and 0.87 with truncation.
    """
    digits = min(digits, MOST_DIGITS)
    total: int = 100 * 10**digits + 1
    if n >= 2 * total:
        return 1.0
    if digits > 3:  # far more percentages than counts
        return float(min(1.0, (2 if either else 1) * (n + 1) / total))
    scale: int = 100 * 10**digits
    shown = {(2 * scale * k + n) // (2 * n) for k in range(n + 1)}
    if either:
        shown |= {scale * k // n for k in range(n + 1)}
    return float(len(shown) / total)


def poisson_binomial_tail(rates: Sequence[float], most: int) -> float:
    """The probability that at most `most` of independent events with these rates happen."""
    at = [1.0]
    for rate in rates:
        at = [
            (at[k] if k < len(at) else 0.0) * (1 - rate) + (at[k - 1] * rate if k else 0.0) for k in range(len(at) + 1)
        ]
    return min(1.0, math.fsum(at[: most + 1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsOf:
    """The cells of one table and n that can tell something, and those that are no count.

    Attributes
    ----------
    rule : by which most cells are possible: rounded, or truncated.
    wrong : the cells that are impossible under it. never : under both.
    expected : how many would be impossible if the numbers had nothing to do with n; either : truncated ones allowed.
    p : how likely so few impossible ones are then.
    """

    n: int
    cells: tuple[Number, ...]
    rule: str
    wrong: tuple[Number, ...]
    never: tuple[Number, ...]
    expected: float
    either: float
    p: float


def counts_of(n: int, numbers: Sequence[Number]) -> CountsOf | None:
    """What the cells of a table over n images say; None where every percentage is possible."""
    telling = [one for one in numbers if base_rate(n, one.digits) < 0.99]
    if not telling:
        return None
    wrong = {
        rule: tuple(one for one in telling if not is_possible(one.value, one.digits, n, rule=rule))
        for rule in (ROUNDED, TRUNCATED)
    }
    rule = ROUNDED if len(wrong[ROUNDED]) <= len(wrong[TRUNCATED]) else TRUNCATED
    rates = [1 - base_rate(n, one.digits) for one in telling]
    return CountsOf(
        n=n,
        cells=tuple(telling),
        rule=rule,
        wrong=wrong[rule],
        never=tuple(one for one in wrong[ROUNDED] if one in wrong[TRUNCATED]),
        expected=math.fsum(rates),
        either=math.fsum(1 - base_rate(n, one.digits, either=True) for one in telling),
        p=poisson_binomial_tail(rates, len(wrong[rule])),
    )

"""From a map in [0, 1] to whole-number levels: a protocol's grey levels, or the ranks of its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import MapError
from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class QuantizeRule:
    """How the values of a map become grey levels.

    Attributes
    ----------
    levels : from a map in [0, 1] to whole numbers 0..255; None for protocols that keep floats.
    floors : the levels are floor(255 map), which compiled code computes along with the normalization.
    """

    levels: Callable[[NDArray[np.float64]], NDArray[np.integer[Any]]] | None
    floors: bool = False


quantize_rules: Rules[QuantizeRule] = Rules("quantization", QuantizeRule)
quantize_rules.put("none", QuantizeRule(None))


@quantize_rules.rule("floor_uint8", floors=True)
def quantize(map01: ArrayLike) -> NDArray[np.int32]:
    """floor(255 map) as whole numbers 0..255, in float64 (clovaai/wsolevaluation).

    A threshold tau of the 2020 protocol is t = floor(tau * max), whose foreground is {levels > t}.
    Raises MapError where the map leaves [0, 1].
    """
    values = np.asarray(map01, np.float64)
    if not (values.size and values.min() >= 0 and values.max() <= 1):
        raise MapError(f"a map to quantize must be within [0, 1], but this one {_span(values)}; normalize it first")
    return np.floor(255 * values).astype(np.int32)


def rank(values: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Ranks 1..L of a float map and its L distinct values, ascending; they have L + 1 levels.

    {ranks > t} is {map >= values[t]} for t = 0..L-1 and empty for t = L; `threshold_starts` says which tau that is.
    Raises MapError for a map with NaN.
    """
    flat = np.asarray(values, np.float64)
    if flat.size == 0 or np.isnan(flat).any():
        raise MapError(f"a map to rank must hold numbers only, but this one {_span(flat)}")
    distinct, index = np.unique(flat, return_inverse=True)
    return (index.reshape(flat.shape) + 1).astype(np.int32), distinct


def threshold_starts(values: NDArray[np.float64], *, compare: str) -> NDArray[np.float64]:
    """(L + 1,): the smallest tau >= 0 that each t of `rank` stands for; equal neighbors stand for no tau at all.

    With ``compare=ge`` t starts just after values[t-1]: at the next float, so that step functions stay closed on the
    left.
    """
    starts = values if compare == "gt" else np.nextafter(values, np.inf)
    return np.concatenate([[0.0], np.maximum(starts, 0.0)])


def _span(values: NDArray[np.float64]) -> str:
    if values.size == 0:
        return "is empty"
    if np.isnan(values).any():
        return f"has {int(np.isnan(values).sum())} NaN"
    return f"spans {values.min():g}..{values.max():g}"

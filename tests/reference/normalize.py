"""Normalizations of a map, value by value on plain lists, from the papers' formulas and their released code."""

from __future__ import annotations

import math


def minmax(values: list[float]) -> list[float]:
    """(M - min) / (max - min)."""
    low, high = min(values), max(values)
    return [(v - low) / (high - low) if high > low else 0.0 for v in values]


def by_max(values: list[float]) -> list[float]:
    """ReLU(M) / max."""
    high = max(values)
    return [max(v, 0.0) / high if high > 0 else 0.0 for v in values]


def pas(values: list[float]) -> list[float]:
    """min((M - min) / (P90 - min), 1); where P90 is the minimum, 1 above it and 0 at it."""
    low = min(values)
    above = [v - low for v in values]
    standard = sorted(above)[int(len(above) * 0.9)]
    if standard == 0:
        return [float(v > 0) for v in above]
    return [min(v / standard, 1.0) for v in above]


def ivr(values: list[float], percentile: float = 0.45) -> list[float]:
    """ReLU(M - P) / (max - P), P at the percentile of the sorted values; zeros where P is the maximum."""
    base = sorted(values)[min(int(len(values) * percentile), len(values) - 1)]
    cut = [max(v - base, 0.0) for v in values]
    high = max(cut)
    return [v / high if high > 0 else 0.0 for v in cut]


TWINS = {"minmax": minmax, "max": by_max, "pas": pas, "ivr": ivr}


def normalized(values: list[float], rule: str) -> list[float]:
    """A map by a rule; zeros for a constant map and for one with NaN, as GenDisc/IVR has it."""
    if any(math.isnan(v) for v in values) or min(values) == max(values):
        return [0.0] * len(values)
    return TWINS[rule](values)

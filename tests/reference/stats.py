"""Slow, obvious twins of `wsol.stats`: loops over images, thresholds, replicates and outcomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product


def iou_at(breaks: Sequence[float], values: Sequence[float], threshold: float) -> float:
    """IoU of one image at a threshold: the value of the last break that has been reached."""
    reached = 0.0
    for start, value in zip(breaks, values, strict=True):
        if start <= threshold:
            reached = value
    return reached


def accuracy_at(
    curves: Sequence[tuple[Sequence[float], Sequence[float]]],
    threshold: float,
    delta: float,
    weights: Sequence[float] | None = None,
    *,
    ge: bool = True,
) -> float:
    """Weighted share of images whose IoU at a threshold reaches delta."""
    weights = [1.0] * len(curves) if weights is None else weights
    hit = 0.0
    for (breaks, values), weight in zip(curves, weights, strict=True):
        iou = iou_at(breaks, values, threshold)
        if iou >= delta if ge else iou > delta:
            hit += weight
    return hit / sum(weights)


def best_threshold(
    curves: Sequence[tuple[Sequence[float], Sequence[float]]],
    delta: float,
    weights: Sequence[float] | None = None,
    *,
    ge: bool = True,
) -> tuple[float, float]:
    """Largest accuracy over every break of every image, and the first threshold that reaches it."""
    candidates = sorted({float(start) for breaks, _ in curves for start in breaks})
    best, first = -1.0, 0.0
    for threshold in candidates:
        accuracy = accuracy_at(curves, threshold, delta, weights, ge=ge)
        if accuracy > best + 1e-12:
            best, first = accuracy, threshold
    return best, first


def best_again(
    matrix: Sequence[Sequence[bool]], weights: Sequence[Sequence[float]], mask: Sequence[bool], *, z: float = 1.28
) -> tuple[list[float], list[float], list[float]]:
    """By replicate: the highest weighted share of hits over all thresholds; that of hits in `mask` at this threshold;
    and the winner's-curse draw, the sample's maximum plus the largest gain among thresholds not told from it at `z`.
    """
    n, width = len(matrix), len(matrix[0])

    def share(t: int, weight: Sequence[float], inside: Sequence[bool]) -> float:
        return sum(w for row, w, b in zip(matrix, weight, inside, strict=True) if row[t] and b) / sum(weight)

    once, everyone = [1.0] * n, [True] * n
    sample = [share(t, once, everyone) for t in range(width)]
    best = sample.index(max(sample))
    near = []
    for t in range(width):
        apart = [row[best] - row[t] for row in matrix]
        gap = sum(apart) / n
        variance = (sum(a * a for a in apart) / n - gap**2) / n
        if gap <= z * math.sqrt(max(variance, 0.0)) + 1e-12:
            near.append(t)
    maxima, masked, curse = [], [], []
    for weight in weights:
        shares = [share(t, weight, everyone) for t in range(width)]
        pick = shares.index(max(shares))
        maxima.append(shares[pick])
        masked.append(share(pick, weight, mask))
        curse.append(sample[best] + max(shares[t] - sample[t] for t in near))
    return maxima, masked, curse


def no_worse_chance(n: int, better: int, worse: int) -> float:
    """Exact chance that n draws of n images hold at least as many of `better` as of `worse` ones, which never meet."""
    chance = 0.0
    for up in range(n + 1):
        for down in range(up + 1):
            if up + down <= n:
                ways = math.comb(n, up) * math.comb(n - up, down)
                rest = (n - better - worse) / n
                chance += ways * (better / n) ** up * (worse / n) ** down * rest ** (n - up - down)
    return chance


def mcnemar_exact(better: int, worse: int) -> float:
    """Two-sided exact p: outcomes of b + c fair coins at least as lopsided, by adding binomial terms."""
    total = better + worse
    lopsided = abs(better - worse)
    return sum(math.comb(total, k) for k in range(total + 1) if abs(total - 2 * k) >= lopsided) / 2**total


def mcnemar_mid_p(better: int, worse: int) -> float:
    """The exact p with outcomes as lopsided as the observed one counted half."""
    total = better + worse
    lopsided = abs(better - worse)
    more = sum(math.comb(total, k) for k in range(total + 1) if abs(total - 2 * k) > lopsided)
    same = sum(math.comb(total, k) for k in range(total + 1) if abs(total - 2 * k) == lopsided)
    return (more + same / 2) / 2**total


def holm_adjusted(p: Sequence[float]) -> list[float]:
    """Holm by its definition: the smallest alpha at which the step-down procedure rejects each hypothesis."""
    adjusted = []
    for own in range(len(p)):
        order = sorted(range(len(p)), key=lambda i: p[i])
        largest = 0.0
        for step, i in enumerate(order):
            largest = max(largest, (len(p) - step) * p[i])
            if i == own:
                break
        adjusted.append(min(1.0, largest))
    return adjusted


def wilson_by_search(hits: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval as what it means: the shares p with |hits/n - p| <= z sqrt(p (1 - p) / n), by bisection."""
    share = hits / n

    def outside(p: float) -> bool:
        return abs(share - p) > z * math.sqrt(max(p * (1 - p), 0.0) / n)

    def edge(inside: float, far: float) -> float:
        for _ in range(200):
            middle = (inside + far) / 2
            inside, far = (inside, middle) if outside(middle) else (middle, far)
        return inside

    return edge(share, 0.0), edge(share, 1.0)


def all_resamples(n: int) -> list[list[int]]:
    """Every possible bootstrap sample of n images, as counts an image; all equally likely."""
    return [[draw.count(i) for i in range(n)] for draw in product(range(n), repeat=n)]


def clustered_error(values: Sequence[float], clusters: Sequence[object]) -> float:
    """Standard error of a mean from sums of residuals over clusters, term by term."""
    n = len(values)
    centre = sum(values) / n
    total = 0.0
    for i in range(n):
        for j in range(n):
            if clusters[i] == clusters[j]:
                total += (values[i] - centre) * (values[j] - centre)
    groups = len(set(clusters))
    return math.sqrt(groups / (groups - 1) * total) / n

"""Naive twins of the methods that run the network on images masked by, or with, replaced activations, one at a time."""

from __future__ import annotations

import numpy as np
import torch

from tests.reference.method_case import Array, Case, bilinear, gaussian, relu, softmax, stretch
from tests.reference.methods_one_pass import weighted
from tests.reference.twins import compare, float64_only


def channel_mask(case: Case, k: int, order: str = "norm_after_up") -> Array | None:
    a = case.a[k]
    if a.max() == a.min():
        return None
    return bilinear(stretch(a), case.size) if order == "norm_before_up" else stretch(bilinear(a, case.size))


def combined(case: Case, scores: list[float | None], *, channel_softmax: bool) -> Array:
    """ReLU(sum_k w_k A_k); None marks a channel without a weight."""
    alive = [k for k, s in enumerate(scores) if s is not None]
    weights = [0.0] * len(scores)
    values = np.array([scores[k] for k in alive])
    for k, w in zip(alive, softmax(values) if channel_softmax and alive else values, strict=True):
        weights[k] = float(w)
    return relu(weighted(case, weights))


@compare()
@compare(score="logit", mask_order="norm_before_up")
@compare(channel_softmax=False)
@compare(channel_softmax=False, baseline="none", score="logit")
@compare("vgg", channel_softmax=False, baseline="blur")
@compare(top_n=3)
@compare("vgg", "features.3")
@compare("vgg", stop="approximate", share=1.0)  # all channels are tried
@compare("vgg", stop="certified", protocol="choe2020_v1", tau=0.5)  # with so few channels it stops nowhere
def scorecam(
    case: Case,
    *,
    score: str = "prob",
    channel_softmax: bool = True,
    baseline: str = "zero",
    mask_order: str = "norm_after_up",
    top_n: int | None = None,
    **_: object,
) -> Array:
    floor = 0.0
    if baseline == "zero":
        floor = case.net.score(np.zeros_like(case.image), case.target, score)
    elif baseline == "blur":
        sigma = 10 / 224 * min(case.size)
        floor = case.net.score(np.stack([gaussian(c, sigma, round(4 * sigma)) for c in case.image]), case.target, score)
    spread = [float(a.std()) for a in case.a]
    ranked = sorted(range(len(spread)), key=lambda k: (-spread[k], k))
    chosen = set(ranked if top_n is None else ranked[:top_n])
    scores: list[float | None] = []
    for k in range(len(case.a)):
        mask = channel_mask(case, k, mask_order)
        used = mask is not None and k in chosen
        scores.append(case.net.score(case.image * mask, case.target, score) - floor if used else None)
    return combined(case, scores, channel_softmax=channel_softmax)


def drop(case: Case, k: int) -> float:
    without = case.a.copy()
    without[k] = 0
    return float(case.logits[case.target]) - replaced(case, without, "logit")


def replaced(case: Case, activation: Array, score: str) -> float:
    with torch.no_grad():
        logits = case.net.from_layer(torch.from_numpy(case.image), case.layer, torch.from_numpy(activation)).numpy()
    return float((softmax(logits) if score == "prob" else logits)[case.target])


@compare()
@compare(divide="norm")
@compare(divide="none")
@compare("vgg", "features.3")
@compare("gap", "wide")
def ablationcam(case: Case, *, divide: str = "score") -> Array:
    y = float(case.logits[case.target])
    weights = []
    for k, a in enumerate(case.a):
        norm = float(np.sqrt((a**2).sum()))
        by = {"score": y, "norm": norm if norm > 0 else 1.0, "none": 1.0}[divide]
        weights.append(drop(case, k) / by)
    return relu(weighted(case, weights))


@compare()
@compare(score="prob")
@compare(kernel="gauss3")
def reciprocam(case: Case, *, score: str = "logit", kernel: str = "cell") -> Array:
    out = np.zeros(case.a.shape[1:])
    h, w = out.shape
    for i, j in np.ndindex(h, w):
        window = np.zeros((h, w))
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                share = (
                    {0: 1 / 4, 1: 1 / 8, 2: 1 / 16}[abs(di) + abs(dj)] if kernel == "gauss3" else float(di == dj == 0)
                )
                if 0 <= i + di < h and 0 <= j + dj < w:
                    window[i + di, j + dj] = share
        out[i, j] = replaced(case, case.a * window, score)
    return out


@float64_only
@compare()
@compare(groups=3, theta=0.5, score="logit")
@compare(groups=3, theta=0.0, merge="raw", mask_order="norm_after_up")
@compare(groups=3, theta=0.0)
def groupcam(
    case: Case,
    *,
    groups: int = 32,
    theta: float = 0.7,
    score: str = "prob",
    merge: str = "stretched",
    mask_order: str = "norm_before_up",
) -> Array:
    short = min(case.size)
    sigma, radius = 50 / 224 * short, round(25 / 224 * short)
    background = np.stack([gaussian(c, sigma, radius) for c in case.image])
    floor = case.net.score(background, case.target, score)
    total = np.zeros(case.a.shape[1:])
    for members in np.array_split(np.arange(len(case.a)), min(groups, len(case.a))):
        m = relu(sum(float(case.g[k].mean()) * case.a[k] for k in members))
        m = np.where(m < np.quantile(m, theta), 0, m)
        if m.max() == m.min():
            continue
        early = mask_order == "norm_before_up"
        up = bilinear(stretch(m), case.size) if early else stretch(bilinear(m, case.size))
        gain = case.net.score(case.image * up + background * (1 - up), case.target, score) - floor
        total = total + max(gain, 0.0) * (m if merge == "raw" else stretch(m))
    return relu(total)


@compare(samples=2)
@compare("vgg", samples=2, noise_on="input", std=0.3, score="logit")
@compare("gap", samples=2, channel_softmax=False)
@compare("vgg", samples=1, score="logit", mask_order="norm_before_up")
def sscam(
    case: Case,
    *,
    noise_on: str = "map",
    samples: int = 35,
    std: float = 2.0,
    score: str = "prob",
    channel_softmax: bool = True,
    mask_order: str = "norm_after_up",
) -> Array:
    random = case.random("sscam")
    masks = [channel_mask(case, k, mask_order) for k in range(len(case.a))]
    totals = [0.0] * len(masks)
    for _ in range(samples):
        for k, mask in enumerate(masks):
            if mask is None:
                continue
            shape = case.size if noise_on == "map" else case.image.shape
            noise = std * torch.randn(shape, generator=random, dtype=torch.float64).numpy()
            seen = case.image * (mask + noise) if noise_on == "map" else case.image * mask + noise
            totals[k] += case.net.score(seen, case.target, score)
    scores = [None if mask is None else t / samples for mask, t in zip(masks, totals, strict=True)]
    return combined(case, scores, channel_softmax=channel_softmax)


@compare(samples=3)
@compare("vgg", samples=3, channel_softmax=False, score="logit")
@compare(samples=3, score="logit", fractions="running_sum", mask_order="norm_before_up")
def iscam(
    case: Case,
    *,
    samples: int = 10,
    score: str = "prob",
    channel_softmax: bool = True,
    fractions: str = "even",
    mask_order: str = "norm_after_up",
) -> Array:
    shares = [i / samples for i in range(1, samples + 1)]
    if fractions == "running_sum":
        shares = [sum(shares[: i + 1]) for i in range(samples)]
    scores: list[float | None] = []
    for k in range(len(case.a)):
        mask = channel_mask(case, k, mask_order)
        if mask is None:
            scores.append(None)
            continue
        fades = [case.image * mask * share for share in shares]
        scores.append(float(np.mean([case.net.score(x, case.target, score) for x in fades])))
    return combined(case, scores, channel_softmax=channel_softmax)


def percentiles(m: Array) -> Array:
    """As Poly-CAM's authors do it: over the high percentile, not over the span."""
    return np.clip((m - np.percentile(m, 0.1)) / max(np.percentile(m, 99.9), 1e-12), 0, 1)


@compare()
@compare(variant="minus")
@compare(variant="plus_minus")
@compare(lnorm=False)
def polycam(cases: list[Case], *, variant: str = "plus", lnorm: bool = True) -> Array:
    fused: Array | None = None
    for case in cases[::-1]:
        whole = case.net.prob(case.image, case.target)
        weights = []
        for k in range(len(case.a)):
            if case.a[k].max() == case.a[k].min():
                weights.append(0.0)
                continue
            mask = bilinear(percentiles(case.a[k]), case.size)
            plus = case.net.prob(case.image * mask, case.target)
            minus = whole - case.net.prob(case.image * (1 - mask), case.target)
            weights.append({"plus": plus, "minus": max(minus, 0), "plus_minus": max(plus + minus, 0)}[variant])
        raw = relu(weighted(case, weights))
        if fused is not None:
            means = bilinear(bilinear(raw, fused.shape), raw.shape)
            raw = (raw / np.maximum(means, 1e-12) if lnorm else raw) * bilinear(fused, raw.shape)
        fused = raw
    assert fused is not None
    return percentiles(fused)


@float64_only
@compare()
@compare(k=3)
@compare("vgg", k=3, confidence="masked_logit", merge="max")
@compare("vgg", k=3, confidence="gradient", merge="top_m", m=2)
@compare("gap", k=3, confidence="head_weight")
def clustermerge(
    case: Case, *, k: int = 10, confidence: str = "masked_prob", merge: str = "weighted_sum", m: int = 3
) -> Array:
    alive = [c for c in range(len(case.a)) if case.a[c].max() > case.a[c].min()]
    points = {c: case.a[c].ravel() / np.sqrt((case.a[c] ** 2).sum()) for c in alive}
    ordered = sorted(alive, key=lambda c: tuple(points[c]))
    labels = naive_kmeans([points[c] for c in ordered], min(k, len(alive)), case.random("clustermerge"))
    parts: list[tuple[float, Array]] = []
    for cluster in sorted(set(labels)):
        members = [c for c, own in zip(ordered, labels, strict=True) if own == cluster]
        mean = sum(case.a[c] for c in members) / len(members)
        if confidence.startswith("masked"):
            mask = stretch(bilinear(mean, case.size))
            sure = case.net.score(case.image * mask, case.target, confidence.removeprefix("masked_"))
        elif confidence == "head_weight":
            assert case.head is not None
            sure = float(np.mean([case.head[0][case.target, c] for c in members]))
        else:
            sure = float(np.mean([case.g[c].mean() for c in members]))
        parts.append((max(sure, 0.0), stretch(mean)))
    if merge == "top_m":
        parts = sorted(parts, key=lambda p: -p[0])[:m]
    maps = [sure * part for sure, part in parts]
    return np.max(maps, axis=0) if merge == "max" else np.sum(maps, axis=0)


def naive_kmeans(points: list[Array], clusters: int, random: torch.Generator) -> list[int]:
    draws = torch.rand(clusters, generator=random, dtype=torch.float64).tolist()
    starts = [points[int(draws[0] * len(points))]]
    for draw in draws[1:]:
        away = [min(float(((p - c) ** 2).sum()) for c in starts) for p in points]
        if sum(away) == 0:
            break
        run, aim = 0.0, draw * sum(away)
        for p, d in zip(points, away, strict=True):
            run += d
            if run > aim:
                starts.append(p)
                break
    labels: list[int] = []
    for _ in range(100):
        now = [int(np.argmin([((p - c) ** 2).sum() for c in starts])) for p in points]
        if now == labels:
            break
        labels = now
        for j in range(len(starts)):
            own = [p for p, label in zip(points, labels, strict=True) if label == j]
            if own:
                starts[j] = sum(own) / len(own)
    return labels


@compare()
@compare("gap", samples=2, score="logit")
def shapcam(case: Case, *, samples: int = 10, score: str = "prob") -> Array:
    random = case.random("shapcam")
    alive = [k for k in range(len(case.a)) if case.a[k].any()]
    weights = [0.0] * len(case.a)
    for _ in range(samples):
        kept = np.zeros_like(case.a)
        last = replaced(case, kept, score)
        for k in torch.randperm(len(case.a), generator=random).tolist():
            if k not in alive:
                continue
            kept[k] = case.a[k]
            now = replaced(case, kept, score)
            weights[k] += (now - last) / samples
            last = now
    return relu(weighted(case, weights))

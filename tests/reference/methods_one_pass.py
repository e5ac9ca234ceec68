"""Naive twins of the methods that need one pass: loops over channels and cells, float64, from the formulas."""

from __future__ import annotations

import numpy as np
import torch

from tests.reference.method_case import Array, Case, bilinear, positive, relu, stretch
from tests.reference.twins import compare, float64_only, signed


def weighted(case: Case, weights: list[float]) -> Array:
    total = np.zeros(case.a.shape[1:])
    for k, w in enumerate(weights):
        total = total + w * case.a[k]
    return total


@compare("gap")
@compare("gap", relu=True)
def cam(case: Case, *, relu: bool = False) -> Array:
    assert case.head is not None
    return positive(weighted(case, [float(w) for w in case.head[0][case.target]]), relu)


@compare()
@signed
@compare(relu=False)
@compare(score="prob")
@compare("vgg", score="logprob", relu=False)
def gradcam(case: Case, *, relu: bool = True, score: str = "logit") -> Array:
    gradients = case.g if score == "logit" else case.gradient_of(score)
    return positive(weighted(case, [float(g.mean()) for g in gradients]), relu)


@compare()
@signed
@compare(alpha="author_code")
@compare(alpha="sum_ag3")
@compare("vgg", "features.3", alpha="sum_ag3")
@compare("vgg", "features.3", alpha="author_code")
def gradcam_pp(case: Case, *, alpha: str = "paper") -> Array:
    weights = []
    for a, g in zip(case.a, case.g, strict=True):
        s = a.sum()
        s_ag3 = (a * g**3).sum()
        w, norm = 0.0, 0.0
        for i, j in np.ndindex(g.shape):
            if g[i, j] <= 0:
                continue
            lower = 2 * g[i, j] ** 2 + (s_ag3 if alpha == "sum_ag3" else s * g[i, j] ** 3)
            if lower == 0:
                continue
            share = g[i, j] ** 2 / lower
            w += share * g[i, j]
            norm += share
        if alpha == "author_code" and norm != 0:
            w /= norm
        weights.append(w)
    return relu(weighted(case, weights))


@compare()
@signed
@compare(relu=False)
@compare("vgg", eps=0.5)
def xgradcam(case: Case, *, relu: bool = True, eps: float = 0.0) -> Array:
    weights = []
    for a, g in zip(case.a, case.g, strict=True):
        weights.append(float((g * a).sum() / (a.sum() + eps)) if a.sum() != 0 else 0.0)
    return positive(weighted(case, weights), relu)


@compare()
@signed
@compare(relu=True)
def hirescam(case: Case, *, relu: bool = False) -> Array:
    total = np.zeros(case.a.shape[1:])
    for a, g in zip(case.a, case.g, strict=True):
        total = total + a * g
    return positive(total, relu)


@compare()
@signed
def elementwise(case: Case) -> Array:
    total = np.zeros(case.a.shape[1:])
    for a, g in zip(case.a, case.g, strict=True):
        total = total + relu(a * g)
    return total


@compare()
@signed
@compare("vgg", "features.4", grad_source="next_upsampled", pool="features.5")
@compare(score="prob")
@compare("vgg", score="logprob")
def layercam(case: Case, *, grad_source: str = "same", pool: str | None = None, score: str = "logit") -> Array:
    total = np.zeros(case.a.shape[1:])
    gradients = case.g if score == "logit" else case.gradient_of(score)
    gradients = gradients if pool is None else case.gradient(case.image, pool)
    for a, g in zip(case.a, gradients, strict=True):
        g = g if pool is None else bilinear(g, a.shape, corners=True)
        total = total + relu(g) * a
    return relu(total)


@compare()
def lafam(case: Case) -> Array:
    return weighted(case, [1 / len(case.a)] * len(case.a))


@compare()
@compare(relu=True)
def randomcam(case: Case, *, relu: bool = False) -> Array:
    r = torch.rand(len(case.a), generator=case.random("randomcam"), dtype=torch.float64)
    return positive(weighted(case, [2 * float(v) - 1 for v in r]), relu)


@compare()
@compare("vgg", sigma=0.4)
def centergauss(case: Case, *, sigma: float = 1 / 6) -> Array:
    h, w = case.size
    out = np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        dy, dx = (y - (h - 1) / 2) / (sigma * h), (x - (w - 1) / 2) / (sigma * w)
        out[y, x] = np.exp(-(dy**2 + dx**2) / 2)
    return out


@compare()
@compare("vgg", area=0.25)
def centerbox(case: Case, *, area: float = 0.5) -> Array:
    h, w = case.size
    tall, wide = round(h * np.sqrt(area)), round(w * np.sqrt(area))
    out = np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        top, left = (h - tall) // 2, (w - wide) // 2
        out[y, x] = float(top <= y < top + tall and left <= x < left + wide)
    return out


@compare()
def fullbox(case: Case) -> Array:
    return np.ones(case.size)


def first_component(features: Array, *, center: bool, sign: str) -> Array:
    """(K, H, W): cells as rows, full SVD."""
    h, w = features.shape[1:]
    cells = np.array([features[:, i, j] for i, j in np.ndindex(h, w)])
    x = cells - cells.mean(0) if center else cells
    _, _, vt = np.linalg.svd(x, full_matrices=True)
    m = (x @ vt[0]).reshape(h, w)
    return settled(m, features, sign)


def settled(m: Array, features: Array, sign: str) -> Array:
    if sign == "maxabs":
        return -m if -m.min() > m.max() else m
    return -m if (m * features.mean(0)).sum() < 0 else m


@compare()
@signed
@compare(center=True)
@compare(sign="meanact", center=True)
@compare("vgg", "features.1")
@compare(relu=True)
def eigencam(case: Case, *, center: bool = False, sign: str = "maxabs", relu: bool = False) -> Array:
    return positive(first_component(case.a, center=center, sign=sign), relu)


@compare()
@compare(center=True, sign="meanact")
@compare(relu=True)
def eigengradcam(case: Case, *, center: bool = False, sign: str = "maxabs", relu: bool = False) -> Array:
    return positive(first_component(case.g * case.a, center=center, sign=sign), relu)


@compare()
@compare(center=False)
def segeigencam(case: Case, *, center: bool = True) -> Array:
    return first_component(np.abs(case.g) * case.a, center=center, sign="maxabs")


@compare()
@compare("vgg", kernel="rbf")
@compare("vgg", kernel="linear")
@compare(sign="meanact")
@compare(center=False)
def kpcacam(case: Case, *, kernel: str = "sigmoid", center: bool = True, sign: str = "maxabs") -> Array:
    k, h, w = case.a.shape
    cells = [case.a[:, i, j] for i, j in np.ndindex(h, w)]
    if center:
        cells = [cell - sum(cells) / len(cells) for cell in cells]
    n = len(cells)
    matrix = np.zeros((n, n))
    for p in range(n):
        for q in range(n):
            dot = float((cells[p] * cells[q]).sum())
            away = float(((cells[p] - cells[q]) ** 2).sum())
            matrix[p, q] = {"sigmoid": np.tanh(dot / k + 1), "rbf": np.exp(-away / k), "linear": dot}[kernel]
    middle = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(middle @ matrix @ middle)
    return settled((vectors[:, -1] * np.sqrt(values[-1])).reshape(h, w), case.a, sign)


@float64_only
@compare()
@compare(kappa=0.5)
def fem(case: Case, *, kappa: float = 2.0) -> Array:
    total = np.zeros(case.a.shape[1:])
    for a in case.a:
        if a.max() == a.min():
            continue
        mean, spread = a.mean(), np.sqrt(((a - a.mean()) ** 2).mean())
        total = total + mean * (a > mean + kappa * spread)
    return total


@compare()
@signed
def normgrad(case: Case) -> Array:
    out = np.zeros(case.a.shape[1:])
    for i, j in np.ndindex(out.shape):
        out[i, j] = np.sqrt(sum(v**2 for v in case.g[:, i, j])) * np.sqrt(sum(v**2 for v in case.a[:, i, j]))
    return out


@compare()
@compare(base="layercam", size="input")
def refinecam(cases: list[Case], *, base: str = "gradcam_pp", size: str = "largest") -> Array:
    bases = {"gradcam_pp": gradcam_pp, "layercam": layercam}
    target = cases[0].size if size == "input" else max((c.a.shape[1:] for c in cases), key=lambda s: s[0] * s[1])
    product = np.ones(target)
    for one in cases:
        product = product * bilinear(stretch(bases[base](one)), target)
    return stretch(product)


@compare()
@compare(upsampling="stepwise")
def zoomcam(cases: list[Case], *, upsampling: str = "direct") -> Array:
    if upsampling == "stepwise":
        fused: Array | None = None
        for one in cases[::-1]:
            m = relu(hirescam(one))
            m = (m - m.min()) / m.max() if m.max() > 0 else m
            fused = m if fused is None else np.maximum(bilinear(fused, m.shape), m)
        assert fused is not None
        return fused
    target = max((c.a.shape[1:] for c in cases), key=lambda s: s[0] * s[1])
    out = np.zeros(target)
    for one in cases:
        m = relu(hirescam(one))
        out = np.maximum(out, bilinear(m / m.max() if m.max() > 0 else m, target))
    return out


@compare()
def inputedge(case: Case) -> Array:
    grey = np.pad(case.image.mean(0), 1, mode="edge")
    out = np.zeros(case.size)
    kernel = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    for y, x in np.ndindex(out.shape):
        window = grey[y : y + 3, x : x + 3]
        out[y, x] = np.hypot((kernel * window).sum(), (kernel.T * window).sum())
    return out

"""Naive twins of the methods that need one look: loops over channels and cells, float64, from the formulas."""

from __future__ import annotations

import numpy as np

from tests.reference.method_case import Array, Case, bilinear, relu, stretch


def weighted(case: Case, weights: list[float]) -> Array:
    total = np.zeros(case.a.shape[1:])
    for k, w in enumerate(weights):
        total = total + w * case.a[k]
    return total


def cam(case: Case, *, relu_: bool = False) -> Array:
    assert case.head is not None
    raw = weighted(case, [float(w) for w in case.head[0][case.target]])
    return relu(raw) if relu_ else raw


def gradcam(case: Case) -> Array:
    return relu(weighted(case, [float(g.mean()) for g in case.g]))


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


def xgradcam(case: Case) -> Array:
    weights = [float((g * a).sum() / a.sum()) if a.sum() != 0 else 0.0 for a, g in zip(case.a, case.g, strict=True)]
    return relu(weighted(case, weights))


def hirescam(case: Case) -> Array:
    total = np.zeros(case.a.shape[1:])
    for a, g in zip(case.a, case.g, strict=True):
        total = total + a * g
    return total


def elementwise(case: Case) -> Array:
    total = np.zeros(case.a.shape[1:])
    for a, g in zip(case.a, case.g, strict=True):
        total = total + relu(a * g)
    return total


def layercam(case: Case, *, grad_source: str = "same", pool: str | None = None) -> Array:
    total = np.zeros(case.a.shape[1:])
    gradients = case.g if pool is None else case.gradient(case.image, pool)
    for a, g in zip(case.a, gradients, strict=True):
        g = g if pool is None else bilinear(g, a.shape, corners=True)
        total = total + relu(g) * a
    return relu(total)


def lafam(case: Case) -> Array:
    return weighted(case, [1 / len(case.a)] * len(case.a))


def randomcam(case: Case) -> Array:
    import torch

    r = torch.rand(len(case.a), generator=case.random("randomcam"), dtype=torch.float64)
    return weighted(case, [2 * float(v) - 1 for v in r])


def centergauss(case: Case, *, sigma: float = 1 / 6) -> Array:
    h, w = case.size
    out = np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        dy, dx = (y - (h - 1) / 2) / (sigma * h), (x - (w - 1) / 2) / (sigma * w)
        out[y, x] = np.exp(-(dy**2 + dx**2) / 2)
    return out


def centerbox(case: Case, *, area: float = 0.5) -> Array:
    h, w = case.size
    tall, wide = round(h * np.sqrt(area)), round(w * np.sqrt(area))
    out = np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        top, left = (h - tall) // 2, (w - wide) // 2
        out[y, x] = float(top <= y < top + tall and left <= x < left + wide)
    return out


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


def eigencam(case: Case, *, center: bool = False, sign: str = "maxabs") -> Array:
    return first_component(case.a, center=center, sign=sign)


def eigengradcam(case: Case, *, center: bool = False, sign: str = "maxabs") -> Array:
    return first_component(case.g * case.a, center=center, sign=sign)


def segeigencam(case: Case) -> Array:
    return first_component(np.abs(case.g) * case.a, center=False, sign="maxabs")


def kpcacam(case: Case, *, kernel: str = "sigmoid") -> Array:
    k, h, w = case.a.shape
    cells = [case.a[:, i, j] for i, j in np.ndindex(h, w)]
    n = len(cells)
    matrix = np.zeros((n, n))
    for p in range(n):
        for q in range(n):
            dot = float((cells[p] * cells[q]).sum())
            away = float(((cells[p] - cells[q]) ** 2).sum())
            matrix[p, q] = {"sigmoid": np.tanh(dot / k + 1), "rbf": np.exp(-away / k), "linear": dot}[kernel]
    middle = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(middle @ matrix @ middle)
    return settled((vectors[:, -1] * np.sqrt(values[-1])).reshape(h, w), case.a, "maxabs")


def fem(case: Case, *, kappa: float = 2.0) -> Array:
    total = np.zeros(case.a.shape[1:])
    for a in case.a:
        if a.max() == a.min():
            continue
        mean, spread = a.mean(), np.sqrt(((a - a.mean()) ** 2).mean())
        total = total + mean * (a > mean + kappa * spread)
    return total


def normgrad(case: Case) -> Array:
    out = np.zeros(case.a.shape[1:])
    for i, j in np.ndindex(out.shape):
        out[i, j] = np.sqrt(sum(v**2 for v in case.g[:, i, j])) * np.sqrt(sum(v**2 for v in case.a[:, i, j]))
    return out


def refinecam(cases: list[Case], *, base: str = "gradcam_pp", size: str = "largest") -> Array:
    bases = {"gradcam_pp": gradcam_pp, "layercam": layercam}
    target = cases[0].size if size == "input" else max((c.a.shape[1:] for c in cases), key=lambda s: s[0] * s[1])
    product = np.ones(target)
    for case in cases:
        product = product * bilinear(stretch(bases[base](case)), target)
    return stretch(product)


def zoomcam(cases: list[Case]) -> Array:
    target = max((c.a.shape[1:] for c in cases), key=lambda s: s[0] * s[1])
    out = np.zeros(target)
    for case in cases:
        m = relu(hirescam(case))
        out = np.maximum(out, bilinear(m / m.max() if m.max() > 0 else m, target))
    return out


def inputedge(case: Case) -> Array:
    grey = np.pad(case.image.mean(0), 1, mode="edge")
    out = np.zeros(case.size)
    kernel = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    for y, x in np.ndindex(out.shape):
        window = grey[y : y + 3, x : x + 3]
        out[y, x] = np.hypot((kernel * window).sum(), (kernel.T * window).sum())
    return out

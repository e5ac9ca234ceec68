"""Slow, obvious twins of `wsol.metrics`: one loop a sum, nothing shared with the fast code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Array = np.ndarray
Model = Callable[[Array], Array]  # (3, h, w) to (C,) probabilities


# --- deletion and insertion -------------------------------------------------------------------------------------------


def blur(image: Array, kernel: Array, border: str) -> Array:
    """Convolve each channel, one output pixel at a time."""
    out = np.zeros(image.shape)
    channels, height, width = image.shape
    pad = kernel.shape[0] // 2
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                for i in range(-pad, pad + 1):
                    for j in range(-pad, pad + 1):
                        v, u = y + i, x + j
                        if border == "reflect":
                            v = -v if v < 0 else 2 * (height - 1) - v if v >= height else v
                            u = -u if u < 0 else 2 * (width - 1) - u if u >= width else u
                        if 0 <= v < height and 0 <= u < width:
                            out[c, y, x] += kernel[i + pad, j + pad] * image[c, v, u]
    return out


def order(saliency: Array, ties: str) -> list[int]:
    """Pixels from the most to the least salient, by selection from a sorted list of (value, index)."""
    pixels = list(enumerate(saliency.ravel().tolist()))
    if ties == "raster":
        return [i for i, _ in sorted(pixels, key=lambda p: (-p[1], p[0]))]
    return [i for i, _ in sorted(pixels, key=lambda p: (-p[1], -p[0]))]


def curve(model: Model, start: Array, end: Array, pixels: Sequence[int], step: int, of_class: int) -> list[float]:
    """Probability before the first change and after each step of `step` pixels."""
    now = start.copy()
    scores = [float(model(now)[of_class])]
    width = start.shape[2]
    for first in range(0, len(pixels), step):
        for p in pixels[first : first + step]:
            now[:, p // width, p % width] = end[:, p // width, p % width]
        scores.append(float(model(now)[of_class]))
    return scores


def trapezoids(scores: Sequence[float], at: Sequence[float]) -> float:
    return sum((at[i + 1] - at[i]) * (scores[i] + scores[i + 1]) / 2 for i in range(len(scores) - 1))


# --- pixels against the object ----------------------------------------------------------------------------------------


def rasterise(boxes: Array, shape: tuple[int, int]) -> Array:
    out = np.zeros(shape, np.uint8)
    for y in range(shape[0]):
        for x in range(shape[1]):
            for x0, y0, x1, y1 in boxes:
                if x0 <= x + 0.5 < x1 and y0 <= y + 0.5 < y1:
                    out[y, x] = 1
    return out


def pool_pxap(maps: Sequence[Array], truths: Sequence[Array], edges: Array) -> float:
    """PxAP from its definition, with a fresh count of pixels at every threshold."""
    scores = np.concatenate([m.ravel() for m in maps])
    truth = np.concatenate([t.ravel() for t in truths])
    objects = int((truth == 1).sum())
    if objects == 0:
        return float("nan")
    total, recall_before = 0.0, None
    for edge in reversed(edges[:-1].tolist()):
        hits = int(((scores >= edge) & (truth == 1)).sum())
        claims = hits + int(((scores >= edge) & (truth == 0)).sum())
        recall = hits / objects
        if recall_before is not None and claims > 0:
            total += hits / claims * (recall - recall_before)
        recall_before = recall
    return total


def pool_piou(maps: Sequence[Array], truths: Sequence[Array], edges: Array) -> float:
    best = 0.0
    for edge in edges[:-1].tolist():
        inside = union = 0
        for scores, truth in zip(maps, truths, strict=True):
            claimed = (scores >= edge) & (truth != 255)
            inside += int((claimed & (truth == 1)).sum())
            union += int((claimed | (truth == 1)).sum())
        best = max(best, inside / union)
    return best


def nearest(mask: Array, size_wh: tuple[int, int]) -> Array:
    """Nearest resize that takes the cell a target cell's corner falls in."""
    height, width = mask.shape
    out = np.zeros((size_wh[1], size_wh[0]))
    for y in range(size_wh[1]):
        for x in range(size_wh[0]):
            out[y, x] = mask[int(y * height / size_wh[1]), int(x * width / size_wh[0])]
    return out


def auc(on_object: Sequence[float], on_background: Sequence[float]) -> float:
    """Every pair once: a win is 1, a tie 1/2."""
    won = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in on_object for b in on_background)
    return won / (len(on_object) * len(on_background))


def kl(map01: Array, truth: Array, direction: str, eps: float) -> float:
    """Sum over the pixels that are not ignored of p log(p / (q + eps))."""
    cells = zip(map01.ravel().tolist(), truth.ravel().tolist(), strict=True)
    pairs = [(m, float(t == 1)) for m, t in cells if t != 255]
    map_sum, mask_sum = sum(m for m, _ in pairs), sum(t for _, t in pairs)
    total = 0.0
    for m, t in pairs:
        p, q = (t / mask_sum, m / map_sum) if direction == "mask_map" else (m / map_sum, t / mask_sum)
        if p > 0:
            total += p * float(np.log(p / (q + eps)))
    return total


def counts(claimed: Array, truth: Array) -> dict[str, int]:
    found = {"tp": 0, "fp": 0, "fn": 0, "tn": 0}
    for c, t in zip(claimed.ravel().tolist(), truth.ravel().tolist(), strict=True):
        if t == 255:
            continue
        found[{(True, 1): "tp", (True, 0): "fp", (False, 1): "fn", (False, 0): "tn"}[(c, t)]] += 1
    return found


def pointing(saliency: Array, truth: Array, tolerance: float) -> float:
    """Share of the maxima on an object pixel, or with one less than `tolerance` away."""
    peak = saliency.max()
    objects = [(y, x) for y, x in np.ndindex(*truth.shape) if truth[y, x] == 1]
    hits = []
    for y, x in np.ndindex(*saliency.shape):
        if saliency[y, x] == peak:
            away = min((y - v) ** 2 + (x - u) ** 2 for v, u in objects)
            hits.append(away == 0 or away < tolerance**2)
    return sum(hits) / len(hits)


def energy(map01: Array, truth: Array) -> float:
    inside = total = 0.0
    for m, t in zip(map01.ravel().tolist(), truth.ravel().tolist(), strict=True):
        inside += m if t == 1 else 0.0
        total += m if t != 255 else 0.0
    return inside / total


# --- drops ------------------------------------------------------------------------------------------------------------


def multiplied(image: Array, map01: Array) -> Array:
    out = image.copy()
    for c, y, x in np.ndindex(*image.shape):
        out[c, y, x] = image[c, y, x] * map01[y, x]
    return out


def pearson(a: Array, b: Array) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


# --- ROAD -------------------------------------------------------------------------------------------------------------


def impute(image: Array, removed: Array) -> Array:
    """Write down one equation a removed pixel and solve them all at once, dense."""
    height, width = removed.shape
    cells = [(y, x) for y, x in np.ndindex(height, width) if removed[y, x]]
    number = {cell: n for n, cell in enumerate(cells)}
    left, right = np.zeros((len(cells), len(cells))), np.zeros((len(cells), image.shape[0]))
    for (y, x), n in number.items():
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                cell = (y + dy, x + dx)
                if (dy, dx) == (0, 0) or not (0 <= cell[0] < height and 0 <= cell[1] < width):
                    continue
                weight = 1 / 6 if dy == 0 or dx == 0 else 1 / 12
                left[n, n] += weight
                if cell in number:
                    left[n, number[cell]] -= weight
                else:
                    right[n] += weight * image[:, cell[0], cell[1]]
    out = image.copy()
    solved = np.linalg.solve(left, right)
    for (y, x), n in number.items():
        out[:, y, x] = solved[n]
    return out


# --- classification and error types -----------------------------------------------------------------------------------


def average_precision(scores: Sequence[float], positive: Sequence[bool], weights: Sequence[float]) -> float:
    """Sum over distinct scores, from the highest, of the precision at it times what it adds to the recall."""
    everything = sum(w for p, w in zip(positive, weights, strict=True) if p)
    total = before = 0.0
    for level in sorted(set(scores), reverse=True):
        claims = sum(w for s, w in zip(scores, weights, strict=True) if s >= level)
        hits = sum(w for s, p, w in zip(scores, positive, weights, strict=True) if s >= level and p)
        if claims > 0:
            total += hits / claims * (hits / everything - before)
            before = hits / everything
    return total


def _cells(box: Sequence[int]) -> set[tuple[int, int]]:
    x0, y0, x1, y1 = box
    return {(x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)}


def error_type(box: Sequence[int], truths: Sequence[Sequence[int]], class_right: bool) -> str:
    """TS-CAM's rules on sets of pixels, for boxes with whole, inclusive corners."""
    if not class_right:
        return "class_wrong"
    found = _cells(box)
    ious = [len(found & _cells(t)) / len(found | _cells(t)) for t in truths]
    if max(ious) > 0.5:
        return "right"
    if sum(len(found & _cells(t)) / len(_cells(t)) > 0.3 for t in truths) >= 2:
        return "multi_instance"
    best = _cells(truths[ious.index(max(ious))])
    if len(found & best) / len(found) > 0.5:
        return "part"
    return "more" if len(found & best) / len(best) >= 0.7 else "wrong"

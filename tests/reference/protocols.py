"""Published evaluation rules, one image and one threshold at a time, written out plainly."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Box = list[float]


def overlap_plus1(a: Box, b: Box, *, clamp: bool = True) -> float:
    """IoU with inclusive corners; without `clamp` two negative sides make a positive area."""
    wide = min(a[2], b[2]) - max(a[0], b[0]) + 1
    high = min(a[3], b[3]) - max(a[1], b[1]) + 1
    inter = max(wide, 0) * max(high, 0) if clamp else wide * high
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return inter / (sum(areas) - inter)


def overlap(a: Box, b: Box) -> float:
    """IoU of half-open boxes."""
    wide, high = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return wide * high / (sum(areas) - wide * high)


def contour_box(levels: NDArray[np.uint8], t: int, *, empty: Box) -> Box:
    """[x, y, x + w, y + h] of the contour with the largest polygon area of {levels > t}."""
    contours, _ = cv2.findContours((levels > t).astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return empty
    x, y, w, h = cv2.boundingRect(max(contours, key=cv2.contourArea))
    return [x, y, x + w, y + h]


def grey(cam: NDArray[np.float64], interpolation: int) -> NDArray[np.uint8]:
    """A raw map at 224 x 224, min-max, truncated to 8 bits."""
    cam = cv2.resize(cam, (224, 224), interpolation=interpolation)
    return ((cam - cam.min()) / (cam.max() - cam.min()) * 255).astype(np.uint8)


def tscam(cam: NDArray[np.float64], gt: list[Box], size: tuple[int, int], tau: float) -> float:
    """Best IoU as TS-CAM computes it."""
    levels = grey(cam, cv2.INTER_LINEAR)
    box = contour_box(levels, int(tau * levels.max()), empty=[0, 0, 1, 1])
    moved = [
        [int(max(v / s * 224, 0)) for v, s in zip(b[:2], size, strict=True)]
        + [int(min(v / s * 224, 223)) for v, s in zip(b[2:], size, strict=True)]
        for b in gt
    ]
    return max(overlap_plus1(box, b) for b in moved)


def rethinking(cam: NDArray[np.float64], gt: list[Box], size: tuple[int, int]) -> float:
    """IoU with the first box as Rethinking CAM computes it, within [0, 1]."""
    levels = grey(cam, cv2.INTER_CUBIC)
    box = contour_box(levels, int(0.2 * levels.max()), empty=[0, 0, 224, 224])
    moved = [max(int(v / s * 256.0 - 16), 0) for v, s in zip(gt[0][:2], size, strict=True)]
    moved += [min(int(v / s * 256.0 - 16), 223) for v, s in zip(gt[0][2:], size, strict=True)]
    return float(np.clip(overlap_plus1(moved, box, clamp=False), 0, 1))


def psol(cam: NDArray[np.float64], gt: list[Box], size: tuple[int, int]) -> float:
    """Best IoU of PSOL's pseudo-box rule under its evaluation; the grid must divide 224."""
    labels, count = ndimage.label(cam > 0, structure=np.ones((3, 3)))
    if not count:
        return 0.0
    largest = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    cells = ndimage.find_objects(largest.astype(int))[0]
    step = 224 / cam.shape[0]
    box = [cells[1].start * step, cells[0].start * step, cells[1].stop * step, cells[0].stop * step]
    scale = [256 / size[0], 256 / size[1]] * 2
    moved = [[min(max((v - 1) * s - 16, 0), 224) for v, s in zip(b, scale, strict=True)] for b in gt]
    return max(overlap(box, b) for b in moved)


def cam_rectangles(levels: NDArray[Any], thresholds: tuple[int, ...]) -> list[list[int]]:
    """x, y, w, h of all contours in CAM's tool: distances measured to every background pixel in turn."""
    height, width = levels.shape
    rects: list[list[int]] = []
    for t in thresholds:
        mask = levels > t
        if not mask.all() and mask.any():
            back = np.argwhere(~mask)
            far = np.zeros(mask.shape)
            for y, x in np.argwhere(mask):
                far[y, x] = np.sqrt(((back - (y, x)) ** 2).sum(1).min())
            mask = (far * (255.0 / far.max()) + 0.5).astype(int) > 10
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        for contour in contours:
            x, y, w, h = cv2.boundingRect(contour)
            limit = [(x, width - 5), (y, height - 5), (w, width - x - 5), (h, height - y - 5)]
            rects.append([0 if v < 0 else min(v, top) for v, top in limit])
    return rects


def cam_tool(levels: NDArray[Any], thresholds: tuple[int, ...]) -> list[list[int]]:
    """All boxes of CAM's tool in its order, x0, y0, x1, y1."""
    rects = sorted(cam_rectangles(levels, thresholds), key=lambda r: -r[2] * r[3])
    i = 0
    while i < len(rects):
        j = i + 1
        while j < len(rects):
            a, b = rects[i], rects[j]
            inter = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
            inter *= max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
            if inter > int(max(a[2] * a[3], b[2] * b[3]) * 0.5):
                del rects[j]
            j += 1  # behind an erased one, too: that is what the tool does
        i += 1
    return [[min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)] for x, y, w, h in rects]

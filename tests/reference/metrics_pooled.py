"""Slow twins of metrics that pool counts over images: one threshold, one image, one box after the other."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from tests.reference.protocols import overlap_plus1

Array = np.ndarray


def found_at(levels: Array, t: int, truths: Sequence[Sequence[int]], delta: float) -> int:
    """How many boxes of integers MaxBoxAccV3 finds among the contours of {levels > t}, holes included."""
    contours, _ = cv2.findContours((levels > t).astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    last = levels.shape[0] - 1
    boxes = [[0, 0, 0, 0]] if not contours else []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        boxes.append([x, y, min(x + w, last), min(y + h, last)])
    pairs = {(b, g): overlap_plus1(box, truth) for b, box in enumerate(boxes) for g, truth in enumerate(truths)}
    found = 0
    while pairs:
        (b, g), best = max(pairs.items(), key=lambda pair: pair[1])
        found += best >= delta
        pairs = {key: value for key, value in pairs.items() if key[0] != b and key[1] != g}
    return found


def maxboxacc_v3(maps: Sequence[Array], truths: Sequence[Sequence[Sequence[int]]], deltas: Sequence[float]) -> float:
    """Of raw maps 224 x 224 and boxes in their pixels."""
    means = []
    for delta in deltas:
        shares = []
        for t in range(255):  # what int(tau * 255) is for the 1000 thresholds
            found = 0
            for raw, boxes in zip(maps, truths, strict=True):
                levels = ((raw - raw.min()) / (raw.max() - raw.min()) * 255).astype(np.uint8)
                found += found_at(levels, t, boxes, delta)
            shares.append(found / sum(len(boxes) for boxes in truths))
        means.append(max(shares))
    return sum(means) / len(means)


def seed_miou(maps: Sequence[Array], truths: Sequence[Array], labels: Sequence[int], tau: float) -> float:
    """Mean IoU of the label maps {map / max > tau}, from a confusion matrix of all pixels; 255 is ignored."""
    classes = max(labels) + 2
    confusion = np.zeros((classes, classes))
    for scores, truth, label in zip(maps, truths, labels, strict=True):
        positive = np.maximum(scores, 0)
        share = positive / positive.max() if positive.max() > 0 else positive
        for value, true in zip(share.ravel(), truth.ravel(), strict=True):
            if true != 255:
                confusion[(label + 1) * int(true), (label + 1) * int(value > tau)] += 1
    union = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    return float(np.mean(np.diag(confusion)[union > 0] / union[union > 0]))

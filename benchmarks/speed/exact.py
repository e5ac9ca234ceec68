"""The `exact` protocol: the box of the largest component at every distinct value of a float map, and its IoU.

Beside `skimage.measure.label` at one level after the other, which is what one would write with a free hand: the
largest component by `bincount`, its box, its IoU with the ground truth. It is measured at evenly spaced levels of one
map and multiplied by their number (marked ~), for all of them would take from minutes to an hour. The IoU must be the
same at these.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from benchmarks.speed.rows import Plan, Row, faster
from wsol.localization.iou import iou
from wsol.localization.localize import localize
from wsol.localization.normalize import normalize
from wsol.localization.records import ImageMap
from wsol.localization.resize import resize
from wsol.protocols._base import protocols
from wsol.views import view_named

TARGET = 1000
SIZE = (500, 375)
GT = np.array([[60.0, 40.0, 320.0, 300.0]])
LAYOUT = view_named("squash", 224).layout(SIZE)
EXACT = protocols["exact"]


def rows(plan: Plan) -> Iterator[Row]:
    """Raw maps of several sizes, each resized to an image of 500 x 375."""
    localize([ImageMap(raw=np.eye(7), layout=LAYOUT, boxes_xyxy=GT)], [EXACT])  # compiled
    for side in (7, 14, 56):
        raw = np.random.default_rng(side).random((side, side))
        map01 = normalize(resize(raw, SIZE, rule=EXACT.resize), rule="minmax")
        levels = np.unique(map01)
        chosen = levels[np.linspace(0, len(levels) - 1, plan.of(60, 8)).astype(int)]
        item = ImageMap(raw=raw, layout=LAYOUT, boxes_xyxy=GT)
        found = localize([item], [EXACT])["exact"].iou.at(chosen)[0]
        np.testing.assert_array_equal(found, one_by_one(map01, chosen))
        theirs, ours = plan.in_turn(
            [lambda m=map01, c=chosen: one_by_one(m, c), lambda i=item: localize([i], [EXACT])], repeats=5
        )
        yield faster(
            "exact",
            f"every level of a {side}x{side} map at {SIZE[0]}x{SIZE[1]}",
            "skimage.measure.label per level",
            theirs / len(chosen) * len(levels),
            ours,
            TARGET,
            note=f"{len(levels)} levels; theirs from {len(chosen)} of them (~); the IoU is equal at these",
        )


def one_by_one(map01: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU at each level, of the first largest component in raster order."""
    found = []
    for level in levels:
        parts = label(map01 >= level, connectivity=2)
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        y, x = np.nonzero(parts == sizes.argmax())
        box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], float)
        found.append(iou(box, GT, convention=EXACT.iou).max())
    return np.array(found)

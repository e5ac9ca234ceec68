from __future__ import annotations
from dataclasses import dataclass
from typing import Any
import numpy as np
from numpy.typing import NDArray
from wsol.boxes.curve import iou_curve, count_curve, finish_boxes
from wsol.boxes.sweep import sweep
@dataclass(frozen=True, slots=True)
class BoxRule:
    component: str
    connectivity: int
    iou: str
    box_end: str
    clip: bool
    empty: str
@dataclass(frozen=True, slots=True)
class LevelTable:
    iou: Any
    count: Any
    boxes: Any
def sweep_levels(ranks, gt_boxes, gt_offsets, rules, *, levels):
    out = []
    n, H, W = ranks.shape
    t = np.arange(levels)
    for r in rules:
        I = np.zeros((n, levels)); C = np.zeros((n, levels), np.int32); B = np.zeros((n, levels, 4), np.int32)
        for i in range(n):
            s = sweep(ranks[i].astype(np.int32), levels=levels, component=r.component, connectivity=r.connectivity)
            clip = (W, H) if r.clip else None
            full = finish_boxes(np.array([[0, 0, W, H]], float), box_end=r.box_end, clip_wh=clip)[0]
            empty = {"zero_box": np.zeros(4), "unit_box": np.array([0., 0, 1, 1]), "full_box": full}.get(r.empty)
            I[i] = iou_curve(s, gt_boxes[gt_offsets[i]:gt_offsets[i+1]], levels=levels, convention=r.iou, empty=empty, box_end=r.box_end, clip_wh=clip).at(t)
            if r.component.startswith("all"):
                C[i] = count_curve(s, levels).at(t)
            else:
                for b, lo, hi in zip(s.boxes, s.lo, s.hi): B[i, lo:hi] = b
        several = r.component.startswith("all")
        out.append(LevelTable(I, C if several else None, None if several else B))
    return out
def boxes_above(mask, *, component, connectivity=8):
    return sweep(np.asarray(mask).astype(np.int32), levels=2, component=component, connectivity=connectivity).at(0)

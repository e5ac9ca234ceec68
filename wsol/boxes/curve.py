"""IoU as a function of the threshold, kept whole: a step function per image.

MaxBoxAcc takes its maximum over thresholds after the mean over images, and again in every bootstrap replicate, so a row
has to keep the curve rather than a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsol.boxes.compiled import Floats
from wsol.boxes.intervals import winners
from wsol.boxes.iou import Convention, iou
from wsol.boxes.sweep import Sweep
from wsol.errors import ConfigError, unknown

BoxEnd = Literal["inclusive", "exclusive_as_inclusive", "half_open"]


@dataclass(frozen=True, slots=True)
class StepCurve:
    """A right-continuous step function on [0, inf): value j holds from breaks[j] up to, not including, breaks[j+1].

    Attributes
    ----------
    breaks : (k,) float64, strictly ascending, the first is 0.
    values : (k,) float64; neighbours differ.
    """

    breaks: Floats
    values: Floats

    @classmethod
    def of(cls, values: ArrayLike, starts: ArrayLike | None = None) -> StepCurve:
        """From one value a step, with the ascending points where the steps start (default 0, 1, 2, ...)."""
        steps = np.asarray(values, np.float64)
        points = np.arange(len(steps), dtype=np.float64) if starts is None else np.asarray(starts, np.float64)
        real = np.append(points[1:] > points[:-1], True)  # of several steps at one point only the last has any width
        steps, points = steps[real], points[real]
        new = np.append(True, steps[1:] != steps[:-1])
        return cls(points[new], steps[new])

    def at(self, x: ArrayLike) -> Floats:
        """Values at points x >= 0, same shape."""
        return np.asarray(self.values[np.searchsorted(self.breaks, x, side="right") - 1], np.float64)

    def over(self, starts: ArrayLike) -> StepCurve:
        """The curve over tau of a curve over integer t, where t starts at tau = starts[t] (see `threshold_starts`)."""
        points = np.asarray(starts, np.float64)
        return StepCurve.of(self.at(np.arange(len(points))), points)


def finish_boxes(boxes: NDArray[Any], *, box_end: BoxEnd, clip_wh: tuple[int, int] | None = None) -> NDArray[Any]:
    """Half-open boxes (n, 4) as a protocol writes them; same dtype.

    Parameters
    ----------
    box_end :
        ``half_open``: x1 is one past the last pixel, unchanged. ``inclusive``: x1 is the last pixel.
        ``exclusive_as_inclusive``: [x, y, x+w, y+h] handed on as if inclusive, one pixel too big
        (clovaai/wsolevaluation, PengtaoJiang/layercam_loc): the numbers of half_open, to be used with a +1 IoU.
    clip_wh : image width and height; x1 and y1 stay within it, at most W - 1 where they are read as inclusive.
    """
    if box_end not in get_args(BoxEnd):
        raise unknown("box end", box_end, get_args(BoxEnd), error=ConfigError)
    finished = np.array(boxes)
    if box_end == "inclusive":
        finished[:, 2:] -= 1
    if clip_wh is not None:
        last = 0 if box_end == "half_open" else 1
        finished[:, 2:] = np.minimum(finished[:, 2:], np.array(clip_wh, finished.dtype) - finished.dtype.type(last))
    return finished


def iou_curve(
    sweep: Sweep,
    gt_boxes: ArrayLike,
    *,
    levels: int,
    convention: Convention,
    empty: ArrayLike | None,
    box_end: BoxEnd = "half_open",
    clip_wh: tuple[int, int] | None = None,
) -> StepCurve:
    """Best IoU over standing boxes and ground-truth boxes, as a function of the integer threshold t in 0..levels-1.

    Parameters
    ----------
    gt_boxes : (g, 4) in the coordinates and convention of the finished boxes.
    empty : the box (4,) that stands for an empty foreground, already finished, or None: a miss, IoU 0.
    box_end, clip_wh : see `finish_boxes`.
    """
    best = _best(finish_boxes(sweep.boxes, box_end=box_end, clip_wh=clip_wh), gt_boxes, convention)
    hit = np.flatnonzero(best > 0)
    order = hit[np.argsort(-best[hit])]
    winner = winners(order, np.array(sweep.lo, np.int32), np.array(sweep.hi, np.int32), levels)
    values = np.append(best, 0.0)[winner]  # -1, no box that touches, is the last entry
    if empty is not None:
        stands = int(sweep.hi.max(initial=0))  # below it every threshold has foreground
        values[stands:] = _best(np.asarray(empty)[None], gt_boxes, convention)[0]
    return StepCurve.of(values)


def count_curve(sweep: Sweep, levels: int) -> StepCurve:
    """Number of boxes at each integer threshold t in 0..levels-1; 0 where the foreground is empty."""
    change = np.bincount(sweep.lo, minlength=levels + 1) - np.bincount(sweep.hi, minlength=levels + 1)
    return StepCurve.of(np.cumsum(change)[:levels])


def _best(boxes: NDArray[Any], gt_boxes: ArrayLike, convention: Convention) -> Floats:
    overlaps = iou(boxes, gt_boxes, convention=convention)
    best: Floats = overlaps.max(axis=1, initial=0.0)
    return best

"""How protocols write boxes: where a box ends, and which box stands for an empty foreground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Finish = Callable[[NDArray[Any]], NDArray[Any]]


class Written(Protocol):
    """The knobs of a protocol record that say how it writes boxes."""

    @property
    def box_end(self) -> str: ...
    @property
    def clip(self) -> bool: ...
    @property
    def empty(self) -> str: ...


@dataclass(frozen=True, slots=True)
class BoxEndRule:
    """What x1 and y1 of a box stand for.

    Attributes
    ----------
    written_inclusive : x1 is written as the last pixel, not as one past it.
    read_inclusive : x1 is read as the last pixel, so that clipping ends at W - 1.
    """

    written_inclusive: bool
    read_inclusive: bool

    @property
    def code(self) -> int:
        """The facts as bits, for compiled code."""
        return self.written_inclusive * WRITTEN_INCLUSIVE + self.read_inclusive * READ_INCLUSIVE


WRITTEN_INCLUSIVE, READ_INCLUSIVE = 1, 2
box_end_rules: Rules[BoxEndRule] = Rules("box end", BoxEndRule)
box_end_rules.put("half_open", BoxEndRule(written_inclusive=False, read_inclusive=False))
box_end_rules.put("inclusive", BoxEndRule(written_inclusive=True, read_inclusive=True))
# [x, y, x + w, y + h] read as if inclusive, one pixel too large (clovaai/wsolevaluation, PengtaoJiang/layercam_loc)
box_end_rules.put("exclusive_as_inclusive", BoxEndRule(written_inclusive=False, read_inclusive=True))


def finish_boxes(boxes: NDArray[Any], *, box_end: str, clip_wh: tuple[int, int] | None = None) -> NDArray[Any]:
    """Half-open boxes (n, 4) as a protocol writes them; same dtype.

    Parameters
    ----------
    box_end : a name in `box_end_rules`.
        ``half_open``: x1 is one past the last pixel, unchanged. ``inclusive``: x1 is the last pixel.
        ``exclusive_as_inclusive``: the numbers of ``half_open``, to be used with a +1 IoU.
    clip_wh : image width and height; x1 and y1 stay within it, at most W - 1 where they are read as inclusive.

    Raises
    ------
    ConfigError for an unknown box end.
    """
    rule = box_end_rules[box_end]
    finished = np.array(boxes)
    if rule.written_inclusive:
        finished[:, 2:] -= 1
    if clip_wh is not None:
        last = finished.dtype.type(rule.read_inclusive)
        finished[:, 2:] = np.minimum(finished[:, 2:], np.array(clip_wh, finished.dtype) - last)
    return finished


# from the frame's width and height, and what finishes half-open boxes (n, 4), to the finished boxes (0 or 1, 4) that
# stand for an empty foreground
EmptyRule = Callable[[tuple[int, int], "Finish"], Any]
empty_rules: Rules[EmptyRule] = Rules("rule for an empty foreground", lambda function: function)


@empty_rules.rule("miss")
def _miss(size_wh: tuple[int, int], finish: Finish) -> Any:
    return np.zeros((0, 4))


@empty_rules.rule("zero_box")
def _zero_box(size_wh: tuple[int, int], finish: Finish) -> Any:
    return [(0, 0, 0, 0)]


@empty_rules.rule("unit_box")
def _unit_box(size_wh: tuple[int, int], finish: Finish) -> Any:
    return [(0, 0, 1, 1)]


@empty_rules.rule("full_box")
def _full_box(size_wh: tuple[int, int], finish: Finish) -> Any:
    return finish(np.array([[0, 0, *size_wh]], np.float64))


def finished(boxes: NDArray[Any], size_wh: tuple[int, int], knobs: Written) -> NDArray[Any]:
    """Half-open boxes (n, 4) in a frame of `size_wh` as a protocol with such knobs writes them."""
    return finish_boxes(boxes, box_end=knobs.box_end, clip_wh=size_wh if knobs.clip else None)


def full_box(size_wh: tuple[int, int], knobs: Written) -> NDArray[Any]:
    """(1, 4) the whole frame, finished."""
    return finished(np.array([[0, 0, *size_wh]], np.float64), size_wh, knobs)


def empty_box(size_wh: tuple[int, int], knobs: Written) -> NDArray[Any]:
    """(0 or 1, 4) the finished box that stands for an empty foreground."""
    box = empty_rules[knobs.empty](size_wh, lambda boxes: finished(boxes, size_wh, knobs))
    return np.array(box, np.float64).reshape(-1, 4)

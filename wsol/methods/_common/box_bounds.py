"""When a box is certain although some channels' weights are not known yet.

A map M = ReLU(sum_k w_k A_k) whose weights are known for the channels tried, and known to lie in [low, high] for the
others, is resized and min-max normalized by a protocol, and cut at the share c of its range. Let B_k be the resized
channels. Resizing is linear, so where no cell's ReLU is in doubt the resized map is V = sum_k w_k B_k, and a pixel x is
inside if and only if

    V(x) - (1 - c) min V - c max V >= 0.

Write V0 for the map with the middle of the interval for all unknown weights, r for half its length, and choose any two
pixels i and j (where V0 is lowest and highest). Linear forms in the weights have exact bounds over the interval:
|(V - V0)(x)| <= r sum_k |B_k(x)|, and for differences r sum_k |B_k(x) - B_k(j)|, sums over unknown channels. Since
min V <= V(i), and max V <= V(j) + d with d = max_x [V0(x) - V0(j) + r sum_k |B_k(x) - B_k(j)|],

    V(x) - (1 - c) min V - c max V
        >= V0(x) - (1 - c) V0(i) - c V0(j) - r sum_k |B_k(x) - (1 - c) B_k(i) - c B_k(j)| - c d.

Pixels where this is positive are inside for all weights. The bound from above is the same with + and with d' for the
minimum; pixels where it is negative are outside for all weights. So every foreground lies between these two masks,
and `one_box` says when all foregrounds between two masks have one box. What float32 rounds off is covered by `SLACK`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

SLACK = 1e-5  # of the map's range: sums of float32 in another order differ by 1e-7 of it
TOGETHER = 32  # resized channels held at a time
COMPONENTS = ("largest_pixels", "largest_polygon", "largest_rect")
KNOBS = {  # what the proof needs of a protocol
    "space": ("square",),
    "resize_uint8": (False,),
    "normalise": ("minmax",),
    "order": ("resize_first",),
    "quantise": ("none", "floor_uint8"),
    "component": COMPONENTS,
    "refine": ("none",),
}


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """How a protocol makes a foreground of a raw map (h, w), as the proof needs it.

    Attributes
    ----------
    rows, columns : (H, h) and (W, w): the resized map is rows @ raw @ columns.T.
    share : of the range, from which a pixel is inside.
    component, connectivity : whose box counts, see `wsol.localization.component_rules`.
    """

    rows: Floats
    columns: Floats
    share: float
    component: str
    connectivity: int

    def resized(self, maps: Floats) -> Floats:
        """(..., h, w) to (..., H, W)."""
        return np.asarray(self.rows @ maps @ self.columns.T)

    def at(self, maps: Floats, pixels: NDArray[np.integer[Any]]) -> Floats:
        """(K, h, w) to (K, n), the resized maps at n pixels (y, x) alone."""
        y, x = pixels.T
        return np.asarray((maps @ self.columns[x].T * self.rows[y].T).sum(1))


@lru_cache(maxsize=64)
def cut_of(name: str, tau: float, grid: tuple[int, int]) -> Cut:
    """The cut of a protocol at one threshold, for raw maps of a size.

    Raises
    ------
    ConfigError : a protocol whose boxes the proof does not cover.
    """
    from wsol.localization.quantize import quantize_rules
    from wsol.localization.resize import resize
    from wsol.protocols._base import named

    protocol = named(name)
    for knob, allowed in KNOBS.items():
        if getattr(protocol, knob) not in allowed:
            raise ConfigError(
                f"stop=certified can't be proved for protocol {name}, whose {knob} is {getattr(protocol, knob)}; it "
                f"needs {knob}={' or '.join(map(str, allowed))}, as choe2020_v1 has"
            )
    share = tau
    if quantize_rules[protocol.quantise].levels is not None:
        share = (int(tau * 255) + 1) / 255  # floor(255 v) > int(255 tau), since the maximum is 255 after min-max
    rows, columns = (resize(np.eye(n), (n, protocol.side), rule=protocol.resize) for n in grid)
    return Cut(rows, columns, share, protocol.component, protocol.connectivity)


def box_is_certain(channels: Floats, weights: Floats, unknown: Mask, low: float, high: float, cut: Cut) -> bool:
    """Whether all weights in [low, high] of the unknown channels give one box; False also where it can't be shown.

    Parameters
    ----------
    channels : (K, h, w). weights : (K,), of the known ones. unknown : (K,).
    """
    middle, half = (low + high) / 2, (high - low) / 2
    rest = channels[unknown]
    filled = np.where(unknown, middle, weights)
    raw = np.tensordot(filled, channels, 1)
    doubt = half * np.abs(rest).sum(0)
    if np.any((raw - doubt < 0) & (raw + doubt > 0)):
        return False  # a cell that the ReLU may or may not cut
    raw, rest = raw * (raw > 0), rest * (raw > 0)
    mean = cut.resized(raw)
    lowest, highest = np.unravel_index(mean.argmin(), mean.shape), np.unravel_index(mean.argmax(), mean.shape)
    span = mean[highest] - mean[lowest]
    if not span > 0:
        return False
    form = mean - (1 - cut.share) * mean[lowest] - cut.share * mean[highest]
    ends = np.array([lowest, highest])
    sides = extremes(form > 0)
    at_ends, at_sides = np.split(cut.at(rest, np.concatenate([ends, sides])), [2], axis=1)
    forms = at_sides - at_ends @ np.array([[1 - cut.share], [cut.share]])
    if (form[tuple(sides.T)] <= half * np.abs(forms).sum(0)).any():
        return False  # pixels on the sides of the box are uncertain: no need to check the others
    spread = _spreads(cut, rest, ends)
    above = float((mean - mean[highest] + half * spread[1]).max())
    below = float((mean[lowest] - mean + half * spread[2]).max())
    inside = form - half * spread[0] - cut.share * above > SLACK * span
    possible = form + half * spread[0] + (1 - cut.share) * below >= -SLACK * span
    return one_box(inside, possible, cut)


def _spreads(cut: Cut, rest: Floats, ends: NDArray[np.integer[Any]]) -> Floats:
    """(3, H, W) sums over channels of |B_k - (1 - c) B_k(i) - c B_k(j)|, |B_k - B_k(j)| and |B_k - B_k(i)|."""
    sums = np.zeros((3, len(cut.rows), len(cut.columns)))
    for start in range(0, len(rest), TOGETHER):
        some = rest[start : start + TOGETHER]
        large = cut.resized(some)
        low, high = cut.at(some, ends).T
        for total, origin in zip(sums, ((1 - cut.share) * low + cut.share * high, high, low), strict=True):
            total += np.abs(large - origin[:, None, None]).sum(0)
    return sums


def extremes(mask: Mask) -> NDArray[np.int64]:
    """(4, 2) one pixel (y, x) on each side of what is inside; empty where nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros((0, 2), np.int64)
    above_and_below = [(y, mask[y].argmax()) for y in rows[[0, -1]]]
    return np.array(above_and_below + [(mask[:, x].argmax(), x) for x in columns[[0, -1]]])


def one_box(inside: Mask, possible: Mask, cut: Cut) -> bool:
    """Whether the chosen component has the same box in every mask M with inside <= M <= possible; False if not shown.

    Let C be the largest component of `inside`, and D the component of `possible` around it. The component of M that
    holds C lies between them, so where both have one box, so has it. Any other component of M holds no neighbor of C,
    so it lies in a component of `possible` without C and its neighbors; if each of these has a bounding rectangle that
    is smaller than C itself (in pixels, polygon or rectangle, all of which grow with the set), none is chosen.
    """
    import cv2

    if not inside.any():
        return not possible.any()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=cut.connectivity)
    core = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    _, labels, stats, _ = cv2.connectedComponentsWithStats(possible.astype(np.uint8), connectivity=cut.connectivity)
    around = stats[labels[core][0], :4]
    y, x = np.nonzero(core)
    if (x.min(), y.min(), x.max() - x.min() + 1, y.max() - y.min() + 1) != tuple(around):
        return False
    shape = cv2.MORPH_CROSS if cut.connectivity == 4 else cv2.MORPH_RECT
    grown = cv2.dilate(core.astype(np.uint8), cv2.getStructuringElement(shape, (3, 3)))
    others = (possible & (grown == 0)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(others, connectivity=cut.connectivity)
    largest = int((stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]).max(initial=0))
    return largest < _measure(core, cut.component)


def _measure(core: Mask, component: str) -> float:
    """What a component rule compares, of one component."""
    import cv2

    if component == "largest_pixels":
        return float(core.sum())
    contours, _ = cv2.findContours(core.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if component == "largest_rect":
        _, _, width, height = cv2.boundingRect(contours[0])
        return float(width * height)
    return float(cv2.contourArea(contours[0]))

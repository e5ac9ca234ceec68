"""Bodies: what an object looks like apart from its sign. Nothing here knows the class.

A body is a few discs, joined by strokes, some with the polygon between them filled. So its extent is known beforehand,
and it can be given any size and place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.shapes.canvas import grid, polygon_distance, smooth_union, stroke_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.shapes.canvas import Plane
    from wsol.datasets.shapes.dice import Dice

MARGIN = 8  # pixels around a body's extent that its window has too, for the shadow

Node = tuple[float, float, float]  # x, y, radius
# Discs, the strokes between them, and whether the polygon of all discs is filled. The thickest place has room for the
# sign at its default size.
PLANS: dict[str, tuple[tuple[Node, ...], tuple[tuple[int, int], ...], bool]] = {
    "pebble": (((-0.5, -0.2, 0.4), (0.5, -0.3, 0.35), (0.1, 0.4, 0.4)), ((0, 1), (1, 2), (2, 0)), True),
    "slab": (((-0.75, -0.5, 0.16), (0.75, -0.5, 0.16), (0.75, 0.5, 0.16), (-0.75, 0.5, 0.16)),
             ((0, 1), (1, 2), (2, 3), (3, 0)), True),
    "wedge": (((0.0, -0.8, 0.12), (0.85, 0.6, 0.12), (-0.85, 0.6, 0.12)), ((0, 1), (1, 2), (2, 0)), True),
    "hexagon": (((-0.45, -0.75, 0.08), (0.45, -0.75, 0.08), (0.9, 0.0, 0.08), (0.45, 0.75, 0.08), (-0.45, 0.75, 0.08),
                 (-0.9, 0.0, 0.08)), ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)), True),
    "pear": (((-0.4, 0.0, 0.6), (0.65, 0.0, 0.32)), ((0, 1),), False),
    "bean": (((-0.6, 0.2, 0.40), (0.0, -0.12, 0.42), (0.6, 0.2, 0.40)), ((0, 1), (1, 2)), False),
    "clover": (((0.0, 0.0, 0.4), (0.0, -0.6, 0.38), (0.55, 0.35, 0.38), (-0.55, 0.35, 0.38)),
               ((0, 1), (0, 2), (0, 3)), False),
    "fish": (((-0.35, 0.0, 0.52), (0.5, 0.0, 0.14), (0.95, -0.42, 0.1), (0.95, 0.42, 0.1)),
             ((0, 1), (1, 2), (1, 3)), False),
    "plane": (((-0.9, 0.0, 0.16), (0.0, 0.0, 0.42), (0.95, 0.0, 0.2), (0.15, -0.95, 0.14), (0.15, 0.95, 0.14)),
              ((0, 1), (1, 2), (1, 3), (1, 4)), False),
    "lizard": (((-0.3, 0.0, 0.42), (0.4, 0.0, 0.34), (-0.6, -0.75, 0.1), (-0.6, 0.75, 0.1), (0.6, -0.75, 0.1),
                (0.6, 0.75, 0.1)), ((0, 1), (0, 2), (0, 3), (1, 4), (1, 5)), False),
    "lollipop": (((-0.5, 0.0, 0.5), (1.15, 0.0, 0.1)), ((0, 0), (0, 1)), False),
    "boomerang": (((-0.95, 0.6, 0.16), (0.0, -0.3, 0.42), (0.95, 0.6, 0.16)), ((0, 1), (1, 2)), False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """A body in its place.

    Attributes
    ----------
    plan : its kind.
    size : the longer side of its extent in pixels, before pixels are cut.
    nodes : discs in pixels of the image.
    left, top : corner of its window in the image.
    distance : (h, w) signed distance to its outline over the window, in pixels; negative inside.
    """

    plan: str
    size: float
    nodes: tuple[Node, ...]
    left: int
    top: int
    distance: Plane

    @property
    def box_xyxy(self) -> tuple[int, int, int, int]:
        """Tight half-open box of the pixels whose center is inside."""
        rows = np.flatnonzero((self.distance < 0).any(1))
        columns = np.flatnonzero((self.distance < 0).any(0))
        left, top = self.left, self.top
        return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1

    def mark(self, mask: NDArray[np.uint8]) -> None:
        """Set the body's pixels to 1 in an image-sized (H, W) mask; parts of the window beyond the image are cut."""
        height, width = self.distance.shape
        x0, y0 = max(self.left, 0), max(self.top, 0)
        x1, y1 = min(self.left + width, mask.shape[1]), min(self.top + height, mask.shape[0])
        inside = self.distance[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left] < 0
        mask[y0:y1, x0:x1][inside] = 1


def make_body(dice: Dice, size: float, room_xyxy: tuple[float, float, float, float]) -> Body:
    """Draw a body of random plan, proportions and turn, `size` pixels long at its longer side, somewhere in a room.

    Where the room is smaller than the body, the body is made to fit.
    """
    plan = tuple(PLANS)[dice.below(len(PLANS))]
    template, links, filled = PLANS[plan]
    stretch = dice.between(0.8, 1.0 / 0.8)
    cos, sin = dice.turn()
    mirror = -1.0 if dice.below(2) else 1.0
    nodes: list[Node] = []
    for x, y, radius in template:
        x, y = x * stretch + dice.between(-0.07, 0.07), y * mirror + dice.between(-0.07, 0.07)
        nodes.append((x * cos - y * sin, x * sin + y * cos, radius * dice.between(0.9, 1.15)))
    x0, y0 = min(x - r for x, _, r in nodes), min(y - r for _, y, r in nodes)
    x1, y1 = max(x + r for x, _, r in nodes), max(y + r for _, y, r in nodes)
    room_width, room_height = room_xyxy[2] - room_xyxy[0], room_xyxy[3] - room_xyxy[1]
    scale = min(size / max(x1 - x0, y1 - y0), room_width / (x1 - x0), room_height / (y1 - y0))
    shift_x = room_xyxy[0] + dice.unit() * (room_width - scale * (x1 - x0)) - scale * x0
    shift_y = room_xyxy[1] + dice.unit() * (room_height - scale * (y1 - y0)) - scale * y0
    placed = tuple((shift_x + scale * x, shift_y + scale * y, scale * r) for x, y, r in nodes)
    left, top = int(np.floor(shift_x + scale * x0)) - MARGIN, int(np.floor(shift_y + scale * y0)) - MARGIN
    width = int(np.floor(scale * (x1 - x0))) + 2 * MARGIN + 2
    height = int(np.floor(scale * (y1 - y0))) + 2 * MARGIN + 2
    x_grid, y_grid = grid(left, top, width, height)
    # Clockwise on screen; a mirrored plan runs the other way round.
    corners = placed if mirror > 0 else placed[::-1]
    distance: Plane | None = polygon_distance(x_grid, y_grid, corners) if filled else None
    for a, b in links:
        stroke = stroke_distance(x_grid, y_grid, placed[a], placed[b])
        if distance is None:
            distance = stroke
        else:  # A filled plan has round corners already; joints of limbs get a fillet.
            distance = np.minimum(distance, stroke) if filled else smooth_union(distance, stroke, 0.12 * scale)
    assert distance is not None
    return Body(plan, scale * max(x1 - x0, y1 - y0), placed, left, top, distance)

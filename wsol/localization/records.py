"""What goes into `localize`, a raw map with what is known of its image, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.steps import Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.views import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMap:
    """One raw map and what must be known of its image.

    Attributes
    ----------
    raw : (h, w), covering the layout's canvas. A map with NaN or infinite values is a miss at every threshold.
    boxes_xyxy : (g, 4) ground truth in pixels of the stored image.
    full : the method claims the whole frame at every threshold (the `fullbox` control), whatever the map.
    shallow : the map is of shallow layers, which some protocols refine and others not.
    image : the pixels, for protocols that refine by a graph cut.
    """

    raw: NDArray[Any]
    layout: Layout
    boxes_xyxy: NDArray[np.float64]
    full: bool = False
    shallow: bool = False
    image: Image | None = None

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.raw).all())


@dataclass(frozen=True, slots=True)
class Localizations:
    """What a protocol finds in n maps, as step functions of tau; for a fixed tau they have one step.

    Attributes
    ----------
    iou : with the best ground-truth box, in [0, 1].
    count : the number of boxes, where all count; else None.
    boxes : the one box, int32, half-open in the protocol's frame, all zeros for none; None where several may count.
    hits : (n, bytes) uint8, one bit per delta and threshold of `threshold_grid`, delta by delta, first bit highest;
        None where every float is a threshold.
    """

    iou: Steps
    count: Steps | None
    boxes: Steps | None
    hits: NDArray[np.uint8] | None

    def take(self, order: NDArray[np.integer[Any]]) -> Localizations:
        """Those of some maps, in the order given."""
        count, boxes = (None if steps is None else steps.take(order) for steps in (self.count, self.boxes))
        return Localizations(self.iou.take(order), count, boxes, None if self.hits is None else self.hits[order])

    def without_hits(self) -> Localizations:
        """Those of a protocol for which every float is a threshold."""
        return Localizations(self.iou, self.count, self.boxes, None)

    @classmethod
    def joined(cls, parts: Sequence[Localizations]) -> Localizations:
        """Those of all parts, one after the other; all are of one protocol."""

        def steps(name: str) -> Steps | None:
            functions = [getattr(part, name) for part in parts]
            return None if functions[0] is None else Steps.joined(functions)

        hits = [part.hits for part in parts if part.hits is not None]
        return cls(
            Steps.joined([part.iou for part in parts]),
            steps("count"),
            steps("boxes"),
            np.concatenate(hits) if hits else None,
        )

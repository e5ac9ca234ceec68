"""Boxes of raw maps under a protocol, in pixels of the stored images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from wsol.api.arguments import as_boxes, as_map, as_protocol, as_sizes, check_truth
from wsol.api.maps import Maps
from wsol.errors import ConfigError
from wsol.localization.frame import in_stored_pixels
from wsol.localization.localize import boxes_along, fixed_tau
from wsol.localization.localize import localize as localize_maps
from wsol.localization.records import ImageMap
from wsol.options import fit
from wsol.protocols._base import Protocol
from wsol.views import View, view_named

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Floats = NDArray[np.floating[Any]]

SIDE = 224  # of a view's canvas, which a map covers whatever its own size
TAU = 0.2  # of the map's maximum: CAM's threshold (Zhou et al., 2016)


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """What a protocol finds in the map of one image.

    Attributes
    ----------
    tau : the threshold that is meant where none is given; the map's own where the protocol has a rule for it.
    """

    item: ImageMap
    protocol: Protocol
    tau: float
    with_truth: bool

    def boxes(self, tau: float | None = None) -> NDArray[np.float64]:
        """(m, 4) boxes x0 y0 x1 y1, half-open, in pixels of the stored image; (0, 4) where nothing is above `tau`.

        m is at most 1 under a protocol whose largest component alone counts.
        """
        found = boxes_along(self.item, self.protocol, [self._checked(tau)])[0]
        return in_stored_pixels(found, self.item.layout, space=self.protocol.space, side=self.protocol.side)

    @property
    def count(self) -> int:
        """How many boxes there are at `tau`."""
        return len(self.boxes())

    @property
    def iou(self) -> float:
        """At `tau`, the IoU of the best pair of a box and a ground-truth box, as the protocol counts it, in [0, 1]."""
        return self.iou_at(self.tau)

    def iou_at(self, tau: float) -> float:
        """As `iou`, at another threshold. Raises ConfigError where no ground truth was given."""
        if not self.with_truth:
            raise ConfigError("there is no ground truth to compare with; give localize(..., boxes=...)")
        return float(self._found.iou.at(self._checked(tau))[0, 0])

    @cached_property
    def _found(self) -> Any:
        return localize_maps([self.item], [self.protocol])[self.protocol.name]

    def _checked(self, tau: float | None) -> float:
        chosen: float = fit(self.tau if tau is None else tau, float, where="tau")
        if not 0 <= chosen < 1:
            raise ConfigError(f"tau={chosen:g} is out of range; expected 0 <= tau < 1, a share of the map's maximum")
        if self.protocol.tau != "sweep" and chosen != fixed_tau(self.item, self.protocol):
            raise ConfigError(
                f"protocol {self.protocol.name} has one threshold, tau={self.protocol.tau}; "
                f"for others give protocol='{self.protocol.preset or self.protocol.name}[tau={chosen:g}]'"
            )
        return chosen

    def __repr__(self) -> str:
        return f"FoundBoxes({self.count} at tau={self.tau:g} under {self.protocol.name})"


def localize(
    maps: Any,
    sizes_wh: Sequence[tuple[int, int]] | None = None,
    *,
    protocol: str | Protocol = "choe2020_v2",
    boxes: Sequence[ArrayLike] | None = None,
    tau: float | None = None,
    view: str | View | None = None,
    images: Sequence[Image] | None = None,
) -> list[FoundBoxes]:
    """Boxes of raw maps (n, h, w), one result per image: ``wsol.localize(maps, sizes_wh)[0].boxes(0.2)``.

    Parameters
    ----------
    maps : what `wsol.attribute` gave, or any n arrays (h, w).
    sizes_wh : width and height of the stored images; known where maps were made from PIL images.
    protocol : a name (``wsol list protocols``), with changed knobs if need be: ``choe2020_v2[normalize=max]``.
    boxes : per image, ground truth (g, 4) in pixels of the stored image; then `FoundBoxes.iou` is known.
    tau : the threshold that is meant where none is given: by default the protocol's own, or 0.2.
    view : what part of the image a map covers; by default that of the maps, or the whole image.
    images : for protocols that refine boxes by a graph cut.

    Raises
    ------
    UnknownName, ConfigError : no such protocol or view, or another number of images.
    MapError : a map that is not (h, w) of finite real numbers.
    DataError : ground truth that is inverted, normalized or outside its image.
    """
    rule = as_protocol(protocol)
    items = image_maps(maps, sizes_wh, boxes=boxes, view=view, images=images)
    found = [
        FoundBoxes(item, rule, _threshold(item, rule) if tau is None else tau, boxes is not None) for item in items
    ]
    if found:
        found[0]._checked(None)  # a wrong threshold is refused here, not when boxes are asked for
    return found


def _threshold(item: ImageMap, rule: Protocol) -> float:
    return TAU if rule.tau == "sweep" else fixed_tau(item, rule)


def image_maps(
    maps: Any,
    sizes_wh: Sequence[tuple[int, int]] | None,
    *,
    boxes: Sequence[ArrayLike] | None = None,
    view: str | View | None = None,
    images: Sequence[Image] | None = None,
) -> list[ImageMap]:
    """Maps with what localization must know of their images; see `localize`."""
    known = maps if isinstance(maps, Maps) else None  # an array has a `view`, too, which is another thing
    sizes = as_sizes(sizes_wh if sizes_wh is not None else known.sizes_wh if known else ())
    if not sizes:
        raise ConfigError("the sizes of the images are not known; give sizes_wh=[(width, height), ...]")
    covered = view if view is not None else known.view if known else None
    chosen = covered if isinstance(covered, View) else view_named(covered or "squash", SIDE)
    count = len(maps)
    for name, values in {"sizes_wh": sizes, "boxes": boxes, "images": images}.items():
        if values is not None and len(values) != count:
            raise ConfigError(f"{name} has {len(values)} entries for {count} maps; give one per image")
    truth = [np.zeros((0, 4))] * count if boxes is None else [as_boxes(one) for one in boxes]
    check_truth(truth, sizes)
    return [
        ImageMap(
            raw=as_map(raw, place),
            layout=chosen.layout(size),
            boxes_xyxy=box,
            full=known is not None and known.full,
            image=None if images is None else images[place],
        )
        for place, (raw, size, box) in enumerate(zip(maps, sizes, truth, strict=True))
    ]

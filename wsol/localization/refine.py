"""The graph cut between map and box, for protocols that have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError
from wsol.localization.frame import space_rules
from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.protocols._base import Protocol
    from wsol.views import Layout

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RefineRule:
    """A refinement.

    Attributes
    ----------
    cut : from the final map (H, W), the foreground at the protocol's threshold (H, W), the image (H, W, 3) in RGB and
        the protocol's `refine_seed` to the mask (H, W) of the object; None for protocols without one.
    shallow_only : only maps of shallow layers are refined.
    from_threshold : the cut starts from the foreground; otherwise from the map alone, and all thresholds have one
        answer.
    """

    cut: Callable[[NDArray[Any], Mask, NDArray[np.uint8], int], Mask] | None
    shallow_only: bool = False
    from_threshold: bool = False

    @property
    def ignores_tau(self) -> bool:
        """Whether all thresholds have one answer."""
        return self.cut is not None and not self.from_threshold


refine_rules: Rules[RefineRule] = Rules("refinement", RefineRule)
refine_rules.put("none", RefineRule(None))


@refine_rules.rule("grabcut", from_threshold=True)
@refine_rules.rule("grabcut_shallow", from_threshold=True, shallow_only=True)
def _grabcut(map01: NDArray[Any], above: Mask, image_rgb: NDArray[np.uint8], seed: int) -> Mask:
    from wsol.localization.grabcut import grabcut_mask  # OpenCV, which takes a while to import

    bgr = np.ascontiguousarray(image_rgb[..., ::-1])
    return grabcut_mask(bgr, np.where(above, 255, 0).astype(np.uint8), tau=0.5, seed=seed)


@refine_rules.rule("colour_cut")
def _color_cut(map01: NDArray[Any], above: Mask, image_rgb: NDArray[np.uint8], seed: int) -> Mask:
    from wsol.localization.grabcut import color_cut_mask

    return color_cut_mask(image_rgb, map01.astype(np.float64), seed=seed)


refine_rules.alias("color_cut", "colour_cut")  # rows and names of protocols keep the older spelling


def refines(protocol: Protocol, *, shallow: bool) -> bool:
    """Whether the protocol cuts maps of such layers; then their boxes need the image."""
    rule = refine_rules[protocol.refine]
    return rule.cut is not None and (shallow or not rule.shallow_only)


def frame_image(image: Image, layout: Layout, frame_wh: tuple[int, int], protocol: Protocol) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels of a stored image in the protocol's frame, where its maps and boxes are."""
    return np.asarray(space_rules[protocol.space].pixels(image, layout, frame_wh), np.uint8)


def object_mask(map01: NDArray[Any], above: Mask, image_rgb: NDArray[np.uint8] | None, protocol: Protocol) -> Mask:
    """(H, W) what the cut calls object. `above` is the foreground at the protocol's threshold, GrabCut's certain part.

    Raises
    ------
    ConfigError : there are no pixels.
    """
    cut = refine_rules[protocol.refine].cut
    if image_rgb is None or cut is None:
        raise ConfigError(
            f"protocol {protocol.name} refines maps by a graph cut (refine={protocol.refine}) and needs the image"
        )
    return cut(map01, above, image_rgb, protocol.refine_seed)

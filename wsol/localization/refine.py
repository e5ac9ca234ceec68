"""The graph cut between map and box, for protocols that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError
from wsol.localization.grabcut import colour_cut_mask, grabcut_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.protocols._base import Protocol
    from wsol.views import Layout


def refines(protocol: Protocol, *, shallow: bool) -> bool:
    """Whether the protocol cuts maps of such layers; then their boxes need the image."""
    return protocol.refine in ("grabcut", "colour_cut") or (protocol.refine == "grabcut_shallow" and shallow)


def frame_image(image: Image, layout: Layout, frame_wh: tuple[int, int], protocol: Protocol) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels of a stored image in the protocol's frame, where its maps and boxes are."""
    from PIL import Image as Pillow

    if protocol.space == "square":
        image = image.resize(frame_wh, Pillow.Resampling.BILINEAR, box=layout.region_xyxy)
    return np.asarray(image, np.uint8)


def object_mask(
    map01: NDArray[Any], above: NDArray[np.bool_], image_rgb: NDArray[np.uint8] | None, protocol: Protocol
) -> NDArray[np.bool_]:
    """(H, W) what the cut calls object. `above` is the foreground at the protocol's threshold, GrabCut's certain part.

    Raises
    ------
    ConfigError : there are no pixels.
    """
    if image_rgb is None:
        raise ConfigError(
            f"protocol {protocol.name} refines maps by a graph cut (refine={protocol.refine}) and needs the image"
        )
    if protocol.refine == "colour_cut":
        return colour_cut_mask(image_rgb, map01.astype(np.float64), seed=protocol.refine_seed)
    bgr = np.ascontiguousarray(image_rgb[..., ::-1])
    return grabcut_mask(bgr, np.where(above, 255, 0).astype(np.uint8), tau=0.5, seed=protocol.refine_seed)

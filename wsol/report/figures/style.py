"""How figures and the page draw: colors, dashes, the heat of a map, the lines of boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.runs.schema import VariantInfo

# Okabe and Ito's palette, darkened where it is text-thin on paper
COLORS = ("#0072b2", "#d55e00", "#00896a", "#b3558f", "#b97f00", "#2b94cf", "#6b4c9a", "#7d5a1e")
CONTROL = "#8d8981"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), "-.", (0, (9, 2)), (0, (3, 1, 1, 1, 1, 1)))
# Ground truth is dashed white, the predicted box solid cyan, both on a dark rim: apart for every kind of color vision
TRUTH, PREDICTED, RIM = "#ffffff", "#2fd5ff", "#101010"
# heat: position, red, green, blue, opacity; cold stays clear, so that the image can be seen
STOPS = (
    (0.0, 38, 18, 88, 0.25),
    (0.25, 92, 30, 128, 0.5),
    (0.5, 200, 50, 92, 0.75),
    (0.75, 248, 132, 52, 0.92),
    (1.0, 255, 236, 120, 1.0),
)
HEAT = 0.75  # opacity of the whole map

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # text stays text: publishers refuse Type 3 fonts
    "svg.fonttype": "none",
    "svg.hashsalt": "wsol",  # the same rows give the same file
}


def styles(variants: Mapping[str, VariantInfo]) -> dict[str, tuple[int, int]]:
    """A color and a dash for each variant: what varies decides the color.

    One color per method (-1 for controls and ceilings) and dashes by layers and options; in an ablation, where methods
    have two variants or more on average, one color per variant.
    """
    methods = [variant.method for variant in variants.values() if variant.role == "method"]
    ablation = len(methods) >= 2 * len(set(methods))
    colors: dict[str, int] = {}
    dashes: dict[str, int] = {}
    chosen = {}
    for key, variant in variants.items():
        shared = "" if variant.role != "method" else key if ablation else variant.method
        if shared:
            colors.setdefault(shared, len(colors))
        chosen[key] = (colors.get(shared, -1), dashes.setdefault(shared, 0))
        dashes[shared] += 1
    return chosen


def heat(levels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Colors (..., 3) in 0..255 and opacities (..., 1) of levels in [0, 1]."""
    at = [stop[0] for stop in STOPS]
    red, green, blue, opacity = (np.interp(levels, at, [stop[k] for stop in STOPS]) for k in range(1, 5))
    return np.stack([red, green, blue], -1), HEAT * opacity[..., None]


def blend(image: Image.Image, map01: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, 3): a map (h, w) in [0, 1] over its image."""
    small = Image.fromarray(np.asarray(map01, np.float32))
    levels = np.asarray(small.resize(image.size, Image.Resampling.BILINEAR), float)
    colors, alpha = heat(levels.clip(0, 1))
    return np.rint(np.asarray(image.convert("RGB"), float) * (1 - alpha) + colors * alpha).astype(np.uint8)

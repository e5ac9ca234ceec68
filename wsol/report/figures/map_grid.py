"""A sheet of maps for a paper: images down, variants across, each with its box at its best threshold."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from wsol.report.figures.series import label_of

if TYPE_CHECKING:
    from wsol.report.page.data import Material
    from wsol.runs.gallery import Gallery, Picture, Shown

ROWS, COLUMNS = 6, 7
# the page's colours: position, red, green, blue, opacity; cold stays clear, so that the image can be seen
STOPS = (
    (0.0, 38, 18, 88, 0.25),
    (0.25, 92, 30, 128, 0.5),
    (0.5, 200, 50, 92, 0.75),
    (0.75, 248, 132, 52, 0.92),
    (1.0, 255, 236, 120, 1.0),
)
HEAT = 0.75  # opacity of the whole map
GT, PREDICTED = "#1fae62", "#e8392f"


def map_grid(gallery: Gallery, material: Material) -> Any:
    """The figure: the first images of the gallery under the variants that lead the table."""
    import matplotlib.pyplot as plt

    keys = [k for k in material.variants if k not in material.same][:COLUMNS]
    pictures = list(gallery.pictures.values())[:ROWS]
    figure, axes = plt.subplots(
        len(pictures), len(keys) + 1, figsize=(1.0 * (len(keys) + 1), 1.02 * len(pictures) + 0.3), squeeze=False
    )
    for row, picture in enumerate(pictures):
        image = Image.open(io.BytesIO(picture.jpeg))
        _draw(axes[row, 0], image, picture, None, 0)
        for column, key in enumerate(keys, 1):
            _draw(
                axes[row, column],
                image,
                picture,
                gallery.shown.get((key, picture.image_id)),
                best_step(gallery, material, key),
            )
    axes[0, 0].set_title("image", fontsize=6)
    for column, key in enumerate(keys, 1):
        name, details = label_of(material.variants[key])
        axes[0, column].set_title(f"{name}\n{details}" if details else name, fontsize=6)
    return figure


def best_step(gallery: Gallery, material: Material, key: str) -> int:
    """The kept threshold nearest to the run's best one; where the protocol has no rows, to the gallery's."""
    cell = material.cell(key, gallery.protocol["name"], "best_tau")
    if cell is not None:
        return int(np.abs(np.asarray(gallery.taus) - cell.value).argmin())
    reached = [shown.iou >= 0.5 for (variant, _), shown in gallery.shown.items() if variant == key]
    return int(np.mean(reached, axis=0).argmax()) if reached else 0


def blend(image: Image.Image, map_: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(H, W, 3) uint8: a map (h, w) of 0..255 over its image, in the page's colours."""
    levels = np.asarray(Image.fromarray(map_).resize(image.size, Image.Resampling.BILINEAR), float) / 255
    at = [stop[0] for stop in STOPS]
    red, green, blue, opacity = (np.interp(levels, at, [stop[k] for stop in STOPS]) for k in range(1, 5))
    alpha = (HEAT * opacity)[..., None]
    mixed = np.asarray(image.convert("RGB"), float) * (1 - alpha) + np.stack([red, green, blue], -1) * alpha
    return np.asarray(np.rint(mixed), np.uint8)


def _draw(axis: Any, image: Image.Image, picture: Picture, shown: Shown | None, step: int) -> None:
    from matplotlib.patches import Rectangle

    wide, high = picture.size_wh
    axis.imshow(image if shown is None else blend(image, shown.map), extent=(0, wide, high, 0))
    boxes = [(box, GT, "--") for box in picture.gt_boxes]
    if shown is not None:
        boxes += [(box, PREDICTED, "-") for box in shown.at(step)]
    for (x0, y0, x1, y1), colour, dash in boxes:
        axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linestyle=dash, linewidth=1))
    if shown is not None:
        axis.set_xlabel(f"{shown.iou[step]:.2f}", fontsize=6, labelpad=1)
    axis.set(xticks=[], yticks=[], xlim=(0, wide), ylim=(high, 0))
    for spine in axis.spines.values():
        spine.set_visible(False)

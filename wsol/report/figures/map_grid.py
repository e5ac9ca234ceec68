"""A sheet of maps for a paper: images down, variants across, each with its box at its best threshold."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from wsol.report.figures.style import PREDICTED, RIM, TRUTH, blend, heat
from wsol.report.numbers.names import label_of

if TYPE_CHECKING:
    from wsol.report.numbers.report_data import ReportData
    from wsol.runs.gallery import Gallery, Picture, Shown

ROWS, COLUMNS = 6, 7


def map_grid(gallery: Gallery, data: ReportData) -> Any:
    """The figure: the first images of the gallery under the variants that lead the table."""
    import matplotlib.pyplot as plt

    keys = [k for k in data.variants if k not in data.same][:COLUMNS]
    pictures = list(gallery.pictures.values())[:ROWS]
    figure, axes = plt.subplots(
        len(pictures), len(keys) + 1, figsize=(1.0 * (len(keys) + 1), 1.02 * len(pictures) + 0.6), squeeze=False
    )
    for row, picture in enumerate(pictures):
        image = Image.open(io.BytesIO(picture.jpeg))
        _draw(axes[row, 0], image, picture, None, 0)
        for column, key in enumerate(keys, 1):
            shown = gallery.shown.get((key, picture.image_id))
            _draw(axes[row, column], image, picture, shown, best_step(gallery, data, key))
    axes[0, 0].set_title("image", fontsize=6)
    for column, key in enumerate(keys, 1):
        name, details = label_of(data.variants[key])
        axes[0, column].set_title(f"{name}\n{details}" if details else name, fontsize=6)
    _key(figure, axes)
    return figure


def best_step(gallery: Gallery, data: ReportData, key: str) -> int:
    """The kept threshold nearest to the run's best one; where the protocol has no rows, to the gallery's."""
    cell = data.cell(key, gallery.protocol["name"], "best_tau")
    if cell is not None:
        return int(np.abs(np.asarray(gallery.taus) - cell.value).argmin())
    reached = [shown.iou >= 0.5 for (variant, _), shown in gallery.shown.items() if variant == key]
    return int(np.mean(reached, axis=0).argmax()) if reached else 0


def _draw(axis: Any, image: Image.Image, picture: Picture, shown: Shown | None, step: int) -> None:
    wide, high = picture.size_wh
    axis.imshow(image if shown is None else blend(image, shown.map / 255), extent=(0, wide, high, 0))
    boxes = [(box, True) for box in picture.gt_boxes]
    if shown is not None:
        boxes = [(box, False) for box in shown.at(step)] + boxes
        axis.set_xlabel(f"IoU {shown.iou[step]:.2f}", fontsize=6, labelpad=1)
    for (x0, y0, x1, y1), truth in boxes:
        for line in _lines(truth):
            axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], **line)
    axis.set(xticks=[], yticks=[], xlim=(0, wide), ylim=(high, 0))
    for spine in axis.spines.values():
        spine.set_visible(False)


def _lines(truth: bool) -> list[dict[str, Any]]:
    """A rim, and the line itself: dashed for ground truth, solid for a predicted box."""
    own = {"color": TRUTH, "linestyle": (0, (3, 2.2))} if truth else {"color": PREDICTED, "linestyle": "-"}
    return [{"color": RIM, "linewidth": 1.9}, {**own, "linewidth": 1.0}]


def _key(figure: Any, axes: Any) -> None:
    """What the lines and colors mean."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    pairs = [tuple(Line2D([], [], **line) for line in _lines(truth)) for truth in (True, False)]
    names = ["ground truth", "predicted box at its best threshold, IoU below"]
    figure.legend(pairs, names, loc="outside lower left", ncols=2, fontsize=6, handlelength=3)
    colors, alpha = heat(np.linspace(0, 1, 256))
    scale = ScalarMappable(cmap=ListedColormap((colors * alpha + 255 * (1 - alpha)) / 255))
    bar = figure.colorbar(scale, ax=axes, location="right", shrink=0.3, aspect=18, pad=0.01)
    bar.set_ticks([0, 1], labels=["0", "1"], fontsize=6)
    bar.outline.set_visible(False)

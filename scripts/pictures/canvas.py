"""What all pictures of the documentation share: the drawn images, maps of the embedded networks, panels, files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import wsol
from wsol.datasets.formats.shapes import Shapes
from wsol.evaluation.experiment import view_under
from wsol.grammar import parse
from wsol.localization.final_map import final_map
from wsol.localization.frame import frame_of, in_stored_pixels
from wsol.localization.localize import boxes_along, localize
from wsol.localization.records import ImageMap
from wsol.maps.extractor import MapExtractor
from wsol.maps.network import NetworkMaps
from wsol.methods._base import methods
from wsol.methods._variants import variant_of
from wsol.models.stages import resolve_layer, stages
from wsol.protocols import Protocol
from wsol.report.figures.style import PREDICTED, RIM, STYLE, TRUTH, blend, heat
from wsol.views import view_named

mpl.use("Agg")
import matplotlib.pyplot as plt

LIMIT = 180_000  # bytes of a picture: a page shows dozens
WIDTH = 7.0  # inches; shown at 700 pixels
DPI = 140
SHOWN = (41, 20, 55)  # places in the test split: one large object, a body of three lobes, two objects of the class
ENLARGED = 4  # times the pixels of the stored image
STYLE_HERE = {**STYLE, "font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 8, "savefig.dpi": DPI}


@dataclass(frozen=True)
class Scene:
    """One drawn image: its pixels and what is known of it."""

    image_id: str
    image: Image.Image
    label: int
    boxes_xyxy: NDArray[np.float64]


@cache
def scenes() -> tuple[Scene, ...]:
    """The images of all pictures, 160 x 128 pixels each."""
    shapes = Shapes(n=max(SHOWN) + 1)
    samples = [shapes.samples()[place] for place in SHOWN]
    return tuple(Scene(s.image_id, shapes.image(s), s.label, s.boxes_xyxy) for s in samples)


@cache
def classifier(name: str) -> Any:
    """An embedded network."""
    return wsol.load_classifier(name)


def items(
    variant: str, *, network: str = "shapes_gap", of: Sequence[Scene] | None = None, view: str = "squash"
) -> list[ImageMap]:
    """The maps of a variant, of each image's class, as the localization takes them."""
    chosen = scenes() if of is None else of
    maps = wsol.attribute(
        classifier(network),
        [scene.image for scene in chosen],
        variant,
        target=[scene.label for scene in chosen],
        image_ids=[scene.image_id for scene in chosen],
        view=view,
    )
    seen = view_named(view, classifier(network).input_size)
    full = methods[parse(variant).name].info.constant_is_full
    return [
        ImageMap(raw=raw, layout=seen.layout(s.image.size), boxes_xyxy=s.boxes_xyxy, full=full, image=s.image)
        for raw, s in zip(maps, chosen, strict=True)
    ]


def run_item(variant: str, scene: Scene, protocol: Protocol, *, network: str = "shapes_gap") -> ImageMap:
    """The map of one image as a run under the protocol makes it, of several crops if its view says so."""
    return _run_items(variant, scene, protocol, network, {"image"})[0]


def best_item(variant: str, scene: Scene, protocol: Protocol, *, network: str = "shapes_gap") -> tuple[ImageMap, float]:
    """Of the maps that a ceiling draws of an image's truth the one that counts in a run, and its best threshold."""
    drawn = _run_items(variant, scene, protocol, network, {"image", "mask"})
    found = [localize([item], [protocol])[protocol.name].iou for item in drawn]
    best = max(range(len(drawn)), key=lambda n: found[n].values.max())
    return drawn[best], float(found[best].breaks[found[best].values.argmax()])


def _run_items(variant: str, scene: Scene, protocol: Protocol, network: str, needs: set[str]) -> list[ImageMap]:
    known = classifier(network)
    choice = variant_of(variant, {}, resolve=lambda name: resolve_layer(known, name), stages=list(stages(known)))
    source = NetworkMaps(Shapes(n=max(SHOWN) + 1), known, MapExtractor(known, seed=0, chunk=64), 1)
    sample = next(s for s in source.dataset.samples() if s.image_id == scene.image_id)
    view = view_under(protocol, view_named("squash", known.input_size))
    return source.maps([source.load(sample, [view], needs)], view, [choice]).image_maps(choice, 0)


def heat_of(item: ImageMap, protocol: Protocol) -> NDArray[np.float64]:
    """The map that the protocol thresholds, (H, W) in [0, 1]."""
    size = frame_of(item.boxes_xyxy, item.layout, protocol).size_wh
    if item.full:
        return np.ones(size[::-1])
    final = final_map(item.raw, item.layout, size, protocol).astype(np.float64)
    return final / max(float(final.max()), 1e-12)


def found(item: ImageMap, protocol: Protocol, tau: float) -> tuple[NDArray[np.float64], float]:
    """Boxes (m, 4) in pixels of the stored image, and the IoU of the best pair."""
    boxes = boxes_along(item, protocol, [tau])[0]
    iou = localize([item], [protocol])[protocol.name].iou.at(tau)
    return in_stored_pixels(boxes, item.layout, space=protocol.space, side=protocol.side), float(iou.max())


def panel(
    axis: Any,
    image: Image.Image | NDArray[Any],
    *,
    map01: NDArray[Any] | None = None,
    truth: NDArray[Any] | None = None,
    boxes: NDArray[Any] | None = None,
    title: str = "",
    below: str = "",
) -> None:
    """An image, a map over it where one is given, true boxes dashed, predicted boxes solid."""
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    wide, high = picture.size
    large = picture.resize((wide * ENLARGED, high * ENLARGED), Image.Resampling.BICUBIC)
    axis.imshow(large if map01 is None else blend(large, map01), extent=(0, wide, high, 0), interpolation="lanczos")
    thin = boxes is not None and len(boxes) > 8
    drawn = [(box, False) for box in (() if boxes is None else boxes)]
    drawn += [(box, True) for box in (() if truth is None else truth)]
    for layer in (0, 1):  # all rims first, so that a box under an equal one is seen between its dashes
        for (x0, y0, x1, y1), dashed in drawn:
            line = _lines(dashed, thin=thin and not dashed)[layer]
            axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], solid_joinstyle="miter", **line)
    axis.set(xticks=[], yticks=[], xlim=(0, wide), ylim=(high, 0))
    if title:
        axis.set_title(title, pad=3)
    axis.set_xlabel(below, labelpad=2)
    axis.spines[:].set_visible(False)


def heading(axis: Any, words: str) -> None:
    """A line above the first panel of a row, which may be as long as the row."""
    axis.set_title(" ", pad=4, fontsize=9)  # keeps the room
    place = {"xytext": (0, 4), "textcoords": "offset points", "xycoords": "axes fraction"}
    axis.annotate(words, (0, 1), va="bottom", fontsize=9, **place).set_in_layout(False)


def key(figure: Any, *, maps: bool = True, boxes: bool | None = None) -> None:
    """What the lines mean, in the lower left corner; where there are `maps`, their scale in the lower right one.

    `boxes` : whether there are predicted ones, by default where there are maps.
    """
    from matplotlib.lines import Line2D

    names = ["ground truth", "predicted box"] if (maps if boxes is None else boxes) else ["ground truth"]
    pairs = [tuple(Line2D([], [], **line) for line in _lines(name == "ground truth")) for name in names]
    figure.legend(pairs, names, loc="outside lower left", ncols=2, handlelength=3, fontsize=8)
    if not maps:
        return
    colors, alpha = heat(np.linspace(0, 1, 256))
    inches = figure.get_size_inches()[1]
    bar = figure.add_axes((0.77, 0.1 / inches, 0.2, 0.11 / inches))
    bar.set_in_layout(False)
    bar.imshow((colors * alpha + 255 * (1 - alpha))[None] / 255, aspect="auto")
    bar.set(xticks=[], yticks=[])
    bar.spines[:].set_visible(False)
    for x, word, side in ((-0.04, "0", "right"), (1.04, "1", "left")):
        bar.text(x, 0.45, word, transform=bar.transAxes, ha=side, va="center", fontsize=8)


def _lines(dashed: bool, *, thin: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """A rim and the line itself: dashed for ground truth, solid for a predicted box."""
    own = {"color": TRUTH, "linestyle": (0, (3, 2.2))} if dashed else {"color": PREDICTED, "linestyle": "-"}
    return {"color": RIM, "linewidth": 1.2 if thin else 2.8}, {**own, "linewidth": 0.6 if thin else 1.5}


def hit(iou: float) -> str:
    """An IoU, and whether it is a hit at 0.5."""
    return f"IoU {iou:.2f}, {'hit' if iou >= 0.5 else 'miss'}"


def save(figure: Any, place: Path) -> None:
    """Write a figure as a JPEG without metadata, as good as the limit allows, or as a PNG of 256 colors."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI)
    plt.close(figure)
    picture = Image.open(drawn).convert("RGB")
    place.parent.mkdir(parents=True, exist_ok=True)
    for quality in (80, 75, 70):
        file = io.BytesIO()
        if place.suffix == ".png":
            picture.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        else:
            picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= LIMIT:
            place.write_bytes(file.getvalue())
            return
    raise ValueError(f"{place.name} stays above {LIMIT} bytes; draw it smaller")

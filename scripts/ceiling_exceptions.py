"""List where a method's map is above the oracle map of the same grid: the exceptions to a ceiling that is not a bound.

    python scripts/ceiling_exceptions.py RUN --out results/ceiling_exceptions
    python scripts/ceiling_exceptions.py RUN --pictures DIR dataset=wsolevaluation dataset.images=... model=...

RUN has rows of oraclemap and of methods on the same layers; each image's best threshold counts on both sides. The list
is OUT.csv and OUT.md. With --pictures, the maps of the listed images are made again, as the overrides say, and drawn
into DIR beside the oracle's, with true and found boxes. There is no photograph in them; but a map is made of one, so
the pictures of images that must not be copied stay out of the repository.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import DataError
from wsol.protocols._base import named
from wsol.runs.folder import RunFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.evaluation.experiment import Experiment
    from wsol.localization.records import ImageMap
    from wsol.maps.source import RawMaps
    from wsol.protocols._base import Protocol

CEILING = "oraclemap"
DELTAS = (0.3, 0.5, 0.7)  # of MaxBoxAccV2: an exception matters where one of them lies between the two

LARGE = 0.8  # of an image's area: what is left around the object is less than a cell of a 7 x 7 grid on each side


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeding:
    """One image on which a variant's best IoU is above its ceiling's.

    Attributes
    ----------
    object_share : of the image's area, what its largest true box covers.
    crossed : the IoU thresholds between the two.
    """

    protocol: str
    variant: str
    ceiling: str
    image_id: str
    object_share: float
    iou: float
    tau: float
    ceiling_iou: float
    difference: float
    crossed: str


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--out", type=Path, help="write OUT.csv and OUT.md (default: print the list)")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="draw each one's maps and boxes")
    parser.add_argument("overrides", nargs="*", help="dataset=, model= and view= of the run, for its pictures")
    chosen = parser.parse_intermixed_args(words)
    run = RunFolder(chosen.run)
    found, compared = exceeding(run)
    lines = page(run, found, compared)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        with chosen.out.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([field.name for field in fields(Exceeding)])
            writer.writerows(astuple(one) for one in found)
        chosen.out.with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")
    else:
        print("\n".join(lines))
    if chosen.pictures and found:
        draw_all(run, found, chosen.overrides, chosen.pictures)


def exceeding(run: RunFolder) -> tuple[list[Exceeding], Counter[tuple[str, str]]]:
    """All exceptions, largest first, and by (protocol, ceiling) how many pairs of image and variant were compared.

    Raises DataError for a run without a ceiling of a method's layers.
    """
    about = run.about()
    ceilings = {info.modules: key for key, info in about.variants.items() if info.method == CEILING}
    pairs = {
        key: ceilings[info.modules]
        for key, info in about.variants.items()
        if info.role == "method" and info.modules in ceilings
    }
    if not pairs:
        raise DataError(f"run {run.name} has no method on the layers of an {CEILING}; add {CEILING}@LAYER to it")
    tables = run.tables({*pairs, *pairs.values()})
    found: list[Exceeding] = []
    compared: Counter[tuple[str, str]] = Counter()
    for protocol in about.protocols:
        best = {key: dict(_best(tables[key], protocol)) for key in {*pairs, *pairs.values()}}
        shares = {key: dict(_object_shares(tables[key])) for key in pairs}
        for variant, ceiling in pairs.items():
            for image_id, (iou, tau) in best[variant].items():
                limit = best[ceiling][image_id][0]
                compared[protocol, ceiling] += 1
                if iou > limit:
                    between = [f"{delta:g}" for delta in DELTAS if limit < delta <= iou]
                    found.append(
                        Exceeding(
                            protocol=protocol,
                            variant=variant,
                            ceiling=ceiling,
                            image_id=image_id,
                            object_share=shares[variant][image_id],
                            iou=iou,
                            tau=tau,
                            ceiling_iou=limit,
                            difference=iou - limit,
                            crossed=" ".join(between),
                        )
                    )
    return sorted(found, key=lambda one: (-one.difference, *map(str, astuple(one)))), compared


def _best(rows: Any, protocol: str) -> Iterator[tuple[str, tuple[float, float]]]:
    """Each image's best IoU and the lowest threshold at which it is reached."""
    for image_id, ious, breaks in zip(
        rows["image_id"].to_pylist(), rows[f"{protocol}/iou"].to_pylist(), rows[f"{protocol}/breaks"].to_pylist(),
        strict=True,
    ):  # fmt: skip
        place = int(np.argmax(ious))
        yield image_id, (ious[place], breaks[place])


def _object_shares(rows: Any) -> Iterator[tuple[str, float]]:
    for row in rows.select(["image_id", "width", "height", "gt_boxes"]).to_pylist():
        x0, y0, x1, y1 = np.reshape(row["gt_boxes"], (-1, 4)).T
        yield row["image_id"], float(((x1 - x0) * (y1 - y0)).max() / (row["width"] * row["height"]))


def page(run: RunFolder, found: Sequence[Exceeding], compared: Mapping[tuple[str, str], int]) -> list[str]:
    """The list as Markdown."""
    about = run.about()
    lines = [
        "# Exceptions to the ceiling",
        "",
        "Images on which a method's map reaches a higher IoU than the oracle map of the same grid, each at the",
        "image's best threshold. The oracle map is the object's share of each cell: a ceiling that was reached, not",
        "one that is proved. A map may happen to fit better than these shares do.",
        "",
        f"{about.run.dataset}, {run.manifest['images']} images, {about.run.network} ({about.run.weights}), "
        f"view {about.run.view}{about.run.side}, wsol {run.manifest['versions'].get('wsol', '')}.",
        "",
        "| protocol | ceiling | compared | above it | by at most | crossing 0.3, 0.5 or 0.7 |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for (protocol, ceiling), count in sorted(compared.items()):
        own = [one for one in found if (one.protocol, one.ceiling) == (protocol, ceiling)]
        most = f"{max(one.difference for one in own):.4f}" if own else "-"
        crossing = sum(bool(one.crossed) for one in own)
        lines.append(f"| {protocol} | {ceiling} | {count:,} | {len(own)} | {most} | {crossing} |")
    lines += [
        "",
        "| image | object, % of the image | variant | protocol | IoU | at tau | ceiling's IoU | difference | crossed |",
        "|---|--:|---|---|--:|--:|--:|--:|---|",
    ]
    lines += [
        f"| {one.image_id} | {100 * one.object_share:.1f} | {one.variant} | {one.protocol} | {one.iou:.4f} "
        f"| {one.tau:.3f} | {one.ceiling_iou:.4f} | {one.difference:.4f} | {one.crossed} |"
        for one in found
    ]
    images = {one.image_id: one.object_share for one in found}
    large = sum(share > LARGE for share in images.values())
    of_images = f"{len(images)} images; in {large} of them the object covers more than {100 * LARGE:g} % of the image."
    return [
        *lines,
        "",
        of_images,
        "",
        "Made by `python scripts/ceiling_exceptions.py`, which also draws each one (`--pictures DIR`).",
    ]


def draw_all(run: RunFolder, found: Sequence[Exceeding], overrides: Sequence[str], folder: Path) -> None:
    """One picture per exception, named by its place in the list."""
    experiment = _experiment(found, overrides)
    folder.mkdir(parents=True, exist_ok=True)
    by_image: dict[str, list[tuple[int, Exceeding]]] = defaultdict(list)
    for place, one in enumerate(found, 1):
        by_image[one.image_id].append((place, one))
    source = experiment.source()
    variants = {variant.key: variant for variant in experiment.variants}
    for image_id, several in by_image.items():
        views = list(dict.fromkeys(experiment.view_of(named(one.protocol)) for _, one in several))
        loaded = [source.load(experiment.samples[image_id], views, {"mask"})]
        maps = {view: source.maps(loaded, view, list(variants.values())) for view in views}
        for place, one in several:
            protocol = named(one.protocol)
            _draw(folder, place, one, protocol, maps[experiment.view_of(protocol)], variants)


def _experiment(found: Sequence[Exceeding], overrides: Sequence[str]) -> Experiment:
    from wsol.evaluation.build import experiment_from
    from wsol.settings import compose_settings

    keys = dict.fromkeys(key for one in found for key in (one.variant, one.ceiling))
    rules = dict.fromkeys(one.protocol for one in found)
    chosen = [f"method=[{','.join(keys)}]", f"protocol=[{','.join(rules)}]", "metric=[]", "gallery=0"]
    return experiment_from(compose_settings([*chosen, *overrides]))


def _draw(
    folder: Path, place: int, one: Exceeding, protocol: Protocol, maps: RawMaps, variants: Mapping[str, Any]
) -> None:
    from matplotlib.figure import Figure

    from wsol.localization.best_of import swept

    rule = swept(protocol)
    mine = maps.image_map(variants[one.variant], 0)
    drawn = max(maps.image_maps(variants[one.ceiling], 0), key=lambda item: _top(item, rule)[0])
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, item, name in zip(axes, (mine, drawn), (one.variant, one.ceiling), strict=True):
        _panel(axis, item, rule, name)
    figure.suptitle(f"{one.image_id}, {one.protocol}: {one.difference:.4f} above the ceiling", fontsize=10)
    figure.savefig(folder / f"{place:03d}.png", dpi=80)


def _top(item: ImageMap, rule: Protocol) -> tuple[float, float]:
    """The best IoU of a map, and its lowest threshold."""
    from wsol.localization.localize import localize

    curve = localize([item], [rule])[rule.name].iou
    place = int(np.argmax(curve.values))
    return float(curve.values[place]), float(curve.breaks[place])


def _panel(axis: Any, item: ImageMap, rule: Protocol, name: str) -> None:
    from matplotlib.patches import Rectangle

    from wsol.localization.final_map import final_map
    from wsol.localization.frame import frame_of
    from wsol.localization.localize import boxes_along

    iou, tau = _top(item, rule)
    frame = frame_of(item.boxes_xyxy, item.layout, rule)
    shown: NDArray[Any] = final_map(np.asarray(item.raw, np.float64), item.layout, frame.size_wh, rule)
    axis.imshow(shown, cmap="viridis")
    for boxes, color, style in (
        (boxes_along(item, rule, [tau])[0], "white", "-"),
        (frame.gt_boxes, "red", "--"),
    ):
        for x0, y0, x1, y1 in np.asarray(boxes, float).tolist():
            axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color=color, linestyle=style, lw=1.5))
    axis.set_title(f"{name}: IoU {iou:.4f} at {tau:.3f}", fontsize=9)
    axis.axis("off")


if __name__ == "__main__":
    main()

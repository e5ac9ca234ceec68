"""What a protocol does between a map and a score: thresholds, components, boxes, and one knob at a time."""

from __future__ import annotations

import dataclasses
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from skimage.measure import label

import wsol
from scripts.pictures.canvas import WIDTH, classifier, found, heading, heat_of, hit, items, key, panel, run_item, scenes
from scripts.pictures.methods import number
from wsol.localization.frame import frame_of
from wsol.localization.localize import boxes_along, localize
from wsol.localization.refine import frame_image
from wsol.protocols import protocols
from wsol.protocols._base import named
from wsol.report.figures.style import COLORS
from wsol.report.numbers.curves import TAUS, accuracy_line
from wsol.report.numbers.report_data import ReportData

STEPS = {  # protocol: (view, tau, which of the boxes counts)
    "choe2020_v1": ("squash", 0.13, "the largest component has the box"),
    "choe2020_v2": ("squash", 0.13, "each component has a box; the best one counts"),
    "gradcam2017": ("squash", 0.15, "in pixels of the image; the largest component has the box"),
    "rethinkingcam2020": ("squash_centre", 0.2, "in the middle of the image; the first ground-truth box counts"),
}
SWEPT = 0.13  # where a swept threshold is shown
ACROSS = 4  # protocols side by side
IMAGES = 200


def threshold_to_box() -> Any:
    """One map under four protocols: the map, what is above the threshold, the box that counts, the IoU over tau."""
    figure, axes = plt.subplots(len(STEPS), 4, figsize=(WIDTH, 8.6), width_ratios=(1, 1, 1, 1.1))
    scene = scenes()[2]
    for row, (name, (view, tau, rule)) in enumerate(STEPS.items()):
        chosen = named(name)
        item = items("gradcam", of=[scene], view=view)[0]
        frame = frame_of(item.boxes_xyxy, item.layout, chosen)
        pixels, map01 = frame_image(scene.image, item.layout, frame.size_wh, chosen), heat_of(item, chosen)
        boxes = boxes_along(item, chosen, [tau])[0]
        iou = float(localize([item], [chosen])[name].iou.at(tau).max())
        components = label(map01 > tau, connectivity=2)
        panel(axes[row, 0], pixels, map01=map01, below="map on the image")
        panel(axes[row, 1], _colored(components), below=f"above {tau:g}: {components.max()} components")
        panel(axes[row, 2], pixels, truth=frame.gt_boxes, boxes=boxes, below=hit(iou))
        heading(axes[row, 0], f"{name}: {rule}")
        _curve(axes[row, 3], item, dataclasses.replace(chosen, tau="sweep"), tau, iou)
    figure.get_layout_engine().set(h_pad=0.11, w_pad=0.05, rect=(0, 0, 1, 0.985))
    key(figure)
    return figure


def every_protocol() -> Any:
    """The map of one image under every protocol, as a run makes it: what is above the threshold, its boxes, the IoU."""
    names = [key for key, record in protocols.packaged().items() if record.name == key]
    rows = -(-len(names) // ACROSS)
    figure, axes = plt.subplots(rows, ACROSS, figsize=(WIDTH, 2.4 * rows + 0.3))
    scene = scenes()[2]
    for name, axis in zip(names, axes.flat, strict=False):
        chosen = named(name)
        item = run_item("gradcam", scene, chosen)
        frame = frame_of(item.boxes_xyxy, item.layout, chosen)
        tau = SWEPT if chosen.tau == "sweep" else float(chosen.tau)
        boxes = boxes_along(item, chosen, [tau])[0]
        iou = float(localize([item], [chosen])[name].iou.at(tau).max())
        pixels = np.asarray(frame_image(scene.image, item.layout, frame.size_wh, chosen))
        above = heat_of(item, chosen) > tau
        faded = np.where(above[..., None], pixels, 255 - (255 - pixels) // 4).astype(np.uint8)
        where = "swept, here" if chosen.tau == "sweep" else "above"
        words = (
            f"{'squash' if chosen.view == 'any' else chosen.view}, {where} {tau:.2g}\n{chosen.component}\n{hit(iou)}"
        )
        panel(axis, faded, truth=frame.gt_boxes, boxes=boxes, title=name, below=words)
        axis.set_anchor("N")
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    key(figure, maps=False, boxes=True)
    return figure


def _colored(components: np.ndarray) -> np.ndarray:
    """(H, W, 3): each component in a color of its own on light gray, the largest ones first."""
    sizes = np.bincount(components.ravel())[1:]
    colors = np.full((len(sizes) + 1, 3), 225, np.uint8)
    for rank, component in enumerate(np.argsort(-sizes)):
        code = COLORS[rank % len(COLORS)].lstrip("#")
        colors[component + 1] = [int(code[at : at + 2], 16) for at in (0, 2, 4)]
    return colors[components]


def _curve(axis: Any, item: Any, swept: Any, tau: float, iou: float) -> None:
    """The IoU of this image over all thresholds; a dot at the one that is shown."""
    curve = localize([item], [swept])[swept.name].iou
    axis.plot(TAUS, [float(curve.at(t).max()) for t in TAUS], color=COLORS[0])
    axis.plot([tau], [iou], "o", color=COLORS[1], markersize=5)
    axis.axhline(0.5, color="0.4", linewidth=0.6, linestyle=":")
    axis.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), xlabel="threshold", box_aspect=0.8)
    axis.set_title("IoU", loc="left", fontsize=8, pad=2)


def why_v2_counts_many_boxes() -> Any:
    """A method and the edge control under V1 and V2: the one box, all boxes, the best of them, and both scores."""
    figure, axes = plt.subplots(2, 4, figsize=(WIDTH, 3.9), width_ratios=(1, 1, 1, 0.9))
    scene = scenes()[0]
    for row, method in enumerate(("layercam", "inputedge")):
        item = items(method, of=[scene])[0]
        for column, name in enumerate(("choe2020_v1", "choe2020_v2")):
            rule, best = named(name), number(method, name, "best_tau")
            assert best is not None
            boxes, iou = found(item, rule, float(best["value"]))
            map01, below = (heat_of(item, rule), hit(iou)) if column == 0 else (None, f"{len(boxes)} boxes")
            panel(axes[row, column], scene.image, map01=map01, truth=scene.boxes_xyxy, boxes=boxes, below=below)
        chosen = max(boxes, key=lambda box: _iou(box, scene.boxes_xyxy[0]))
        panel(axes[row, 2], scene.image, truth=scene.boxes_xyxy, boxes=chosen[None], below=hit(iou))
        _scores(axes[row, 3], method)
    for column, title in enumerate(
        ("V1: the largest part", "V2: all boxes", "V2: the best of them", "hits, % of 200 images")
    ):
        axes[0, column].set_title(title, fontsize=9, pad=4)
    for row, title in enumerate(("LayerCAM", "edge filter (control)")):
        axes[row, 0].set_ylabel(title, fontsize=9)
    key(figure)
    return figure


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    """Of two half-open boxes."""
    wide, high = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    inside = max(0.0, wide) * max(0.0, high)
    return inside / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inside)


def _scores(axis: Any, method: str) -> None:
    """MaxBoxAcc and MaxBoxAccV2 at an IoU of 0.5 with intervals, and the boxes per image under V2."""
    for place, name in enumerate(("choe2020_v1", "choe2020_v2")):
        cell = number(method, name, "maxboxacc@50")
        assert cell is not None
        value, low, high = (float(cell[part]) for part in ("value", "low", "high"))
        axis.bar(place, value, width=0.6, color=COLORS[place])
        axis.errorbar(place, value, [[value - low], [high - value]], color="0.2", capsize=3, linewidth=1)
        axis.text(place, 4, f"{value:.0f}", ha="center", color="white", fontsize=9)
    boxes = number(method, "choe2020_v2", "boxes")
    assert boxes is not None
    axis.set(xticks=(0, 1), ylim=(0, 100), yticks=(0, 50, 100))
    axis.set_xticklabels(["V1\n1 box", f"V2\n{float(boxes['value']):.0f} boxes"], fontsize=8)


def one_knob() -> Any:
    """The score over the threshold while one knob of the protocol changes and the rest stays."""
    panels = {
        "normalize": ("Grad-CAM at stage 5", "gradcam@stage5", ("minmax", "max", "percentile")),
        "component": (
            "LayerCAM, stages 1 to 5",
            "layercam@stage1-5[gamma=2]",
            ("largest_polygon", "largest_pixels", "all"),
        ),
    }
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.0), sharey=True)
    for axis, (knob, (title, variant, values)) in zip(axes, panels.items(), strict=True):
        rules = [named(f"choe2020_v1[{knob}={value}]") for value in values]
        result = wsol.evaluate(classifier("shapes_gap"), "shapes", variant, rules, limit=IMAGES, gallery=0)
        data = ReportData.of(result.folder, n_resamples=1)
        for n, (rule, value) in enumerate(zip(rules, values, strict=True)):
            info = data.summary.protocols[rule.name]
            ((_, rows),) = data.of_protocol(rule.name)
            line = accuracy_line(rows, info, 0.5)
            best = int(np.argmax(line.y))
            style = ("-", (0, (5, 2)), (0, (1.5, 1.5)))[n]
            axis.plot(
                TAUS,
                100 * line.y,
                color=COLORS[n],
                linestyle=style,
                linewidth=1.8,
                label=f"{value}: {100 * line.y[best]:.1f}",
            )
            axis.plot(TAUS[best], 100 * line.y[best], "o", color=COLORS[n], markersize=5)
        axis.set(title=f"{knob} ({title})", xlabel="threshold", xlim=(0, 1), ylim=(0, 70))
        axis.legend(title="best, in percent", loc="upper right", fontsize=8)
    axes[0].set_ylabel("images with IoU of 0.5 or more (%)")
    return figure

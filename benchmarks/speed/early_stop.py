"""Score-CAM that stops early, beside exact Score-CAM: forward passes, and whether the box stays the same.

The threshold is the one at which exact Score-CAM's boxes are best on the same images (choe2020_v1), as a table would
choose it; of fewer than 20 images, which all fit at a threshold near 0, it is that of CAM's authors, 0.2. On images of
the drawn set by both embedded networks; on photographs by MobileNetV2 where ../shared is (or WSOL_SHARED): 4 of them,
with --long 60. What stops early takes the scores that exact Score-CAM got for the same masks, and is charged for their
passes. Passes are counted and not timed, so batch norms are folded into convolutions.
"""

from __future__ import annotations

import copy
import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.speed.rows import Plan, Row, missing
from wsol.datasets.base import datasets
from wsol.localization.iou import iou
from wsol.localization.localize import boxes_along, localize
from wsol.localization.records import ImageMap
from wsol.methods._base import methods
from wsol.models.classifier import Classifier
from wsol.models.stages import resolve_layer
from wsol.models.zoo import load_classifier
from wsol.protocols._base import protocols
from wsol.testing import layer_features
from wsol.views import view_named

PROTOCOL = protocols["choe2020_v1"]
SHARED = Path(os.environ.get("WSOL_SHARED", Path(__file__).resolve().parents[2].parent / "shared")) / "data"
CERTIFIED = "certified"
TARGETS = {CERTIFIED: 1.0, "approximate, 10% of channels": 0.995}  # of images whose box stays the same
FEWEST, FIXED = 20, 0.2  # images that choose a threshold, and the one that fewer take
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
LAYOUT = view_named("squash", 224).layout((224, 224))


@dataclass(frozen=True)
class Case:
    """A network and its images as inputs (3, h, w), with class and boxes in the frame of 224 x 224."""

    name: str
    classifier: Classifier
    inputs: Sequence[Tensor]
    labels: Sequence[int]
    boxes: Sequence[NDArray[np.float64]]


def rows(plan: Plan) -> Iterator[Row]:
    for name in ("shapes_gap", "shapes_vgg"):
        yield from of(plan, shapes(name, plan.of(500, 12)))
    if SHARED.is_dir():
        yield from of(plan, photographs(60 if plan.long else plan.of(4, 1)))
    else:
        yield missing("early_stop", "Score-CAM on photographs, certified", "exact", 1, "not measured (no ../shared)")


def of(plan: Plan, case: Case) -> Iterator[Row]:
    """Rows of one network."""
    module = folded(case.classifier.module).to(plan.device).to(memory_format=torch.channels_last)
    layer = resolve_layer(case.classifier, "last")
    all_features, raws = [], []
    for image, label in zip(case.inputs, case.labels, strict=True):
        laid = image[None].to(plan.device).contiguous(memory_format=torch.channels_last)
        (features,) = layer_features(module, laid, [label], [layer], gradients=False, chunk=64 if plan.cuda else 16)
        raws.append(methods["scorecam"]()(features)[0].cpu().numpy())
        all_features.append(features)
    exact = sum(f.query.cost.forwards for f in all_features)
    tau = best_tau(raws, case.boxes) if len(raws) >= FEWEST else FIXED
    truth = [box(raw, tau) for raw in raws]
    for work, options in options_of(tau):
        passes, same, overlaps = 0.0, 0, []
        for features, expected in zip(all_features, truth, strict=True):
            before = features.query.cost.forwards
            raw = methods["scorecam"](**options)(features)[0].cpu().numpy()
            passes += features.query.cost.forwards - before
            found = box(raw, tau)
            same += found == expected
            overlaps.append(overlap(found, expected))
        equal = same / len(raws)
        if work == CERTIFIED:
            assert same == len(raws), f"{case.name}: certified moved {len(raws) - same} boxes"
        yield Row(
            topic="early_stop",
            work=f"{work}, {case.name}, {len(raws)} images",
            against="exact Score-CAM",
            theirs=exact / len(raws),
            ours=passes / len(raws),
            unit="passes per image",
            ratio=equal,
            goal="at least" if work in TARGETS else "",
            target=TARGETS.get(work),
            note=f"ratio: share of images with the same box at tau {tau:.3f}; {exact / passes:.2f} times fewer passes; "
            f"mean IoU of the boxes {np.mean(overlaps):.3f}",
            facts={"same_box": equal, "passes": passes / exact},
        )


def folded(module: nn.Module) -> nn.Module:
    """A copy for inference with each batch norm in the convolution before it: the same scores but for rounding, in
    about half the time."""
    module = copy.deepcopy(module).eval()
    for part in module.modules():
        if isinstance(part, nn.Sequential):
            for n, (first, second) in enumerate(pairwise(list(part))):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    part[n], part[n + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return module


def options_of(tau: float) -> list[tuple[str, dict[str, Any]]]:
    certified = (CERTIFIED, {"stop": "certified", "tau": tau})
    return [certified, *((f"approximate, {s:.0%} of channels", {"stop": "approximate", "share": s}) for s in SHARES)]


def best_tau(raws: Sequence[NDArray[Any]], boxes: Sequence[NDArray[np.float64]]) -> float:
    """The threshold at which most boxes fit at an IoU of 0.5."""
    items = [ImageMap(raw=raw, layout=LAYOUT, boxes_xyxy=gt) for raw, gt in zip(raws, boxes, strict=True)]
    taus = np.arange(0, 1, 0.001)
    hits = (localize(items, [PROTOCOL])[PROTOCOL.name].iou.at(taus) >= 0.5).mean(0)
    return float(taus[hits.argmax()])


def box(raw: NDArray[Any], tau: float) -> tuple[int, ...]:
    item = ImageMap(raw=raw, layout=LAYOUT, boxes_xyxy=np.zeros((0, 4)))
    return tuple(boxes_along(item, PROTOCOL, [tau])[0].ravel().tolist())


def overlap(a: Sequence[int], b: Sequence[int]) -> float:
    """IoU of two half-open boxes; 1 for two empty ones."""
    if not a or not b:
        return float(a == b)
    return float(iou(np.array([a], float), np.array([b], float), convention="continuous")[0, 0])


def shapes(network: str, count: int) -> Case:
    """Images of the drawn set."""
    classifier, data = load_classifier(network), datasets["shapes"](limit=count)
    view = view_named("squash", classifier.input_size)
    samples = list(data.samples())
    inputs = [classifier.normalized(view.inputs(data.image(sample))[0]) for sample in samples]
    scale = [np.array([224 / w, 224 / h] * 2) for w, h in (sample.size_wh for sample in samples)]
    return Case(
        network,
        classifier,
        [torch.from_numpy(pixels).permute(2, 0, 1) for pixels in inputs],
        [sample.label for sample in samples],
        [sample.boxes_xyxy * s for sample, s in zip(samples, scale, strict=True)],
    )


def photographs(count: int) -> Case:
    """Evenly spaced ones of the real images beside the repository, read and never copied."""
    classifier = load_classifier("mobilenet_v2", weights=str(SHARED / "weights" / "mobilenet_v2.pth"))
    with (SHARED / "ilsvrc_open" / "index.csv").open() as file:
        lines = list(csv.DictReader(file))
    chosen = [lines[n * len(lines) // count] for n in range(count)]
    inputs, boxes = [], []
    for line in chosen:
        with PIL.Image.open(SHARED / "ilsvrc_open" / "images" / line["file"]) as image:
            square = image.convert("RGB").resize((224, 224), PIL.Image.Resampling.BILINEAR)
        inputs.append(torch.from_numpy(classifier.normalized(square)).permute(2, 0, 1))
        corners = np.array(line["boxes_in_file"].replace(";", " ").split(), float).reshape(-1, 4)
        boxes.append(corners * np.array([224 / float(line["width"]), 224 / float(line["height"])] * 2))
    return Case("MobileNetV2 on photographs", classifier, inputs, [int(one["class_index"]) for one in chosen], boxes)

"""PSOL's whole evaluation (tzzcl/PSOL@09b435f, PSOL_inference.py and utils/IoU.py), retold image by image.

What differs from other evaluators: true boxes are moved by the resize to 256 x 256 and the center crop of 224 and are
cut at the crop's edges; overlaps have no + 1; a hit is an overlap above 0.5; images without a box are passed over;
accuracies are of each class, then averaged over classes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Box = Sequence[float]


@dataclass(frozen=True)
class Case:
    """One image: its boxes as in the XML file (the first pixel is 1), the predicted box in the crop, 5 classes."""

    label: int
    size_wh: tuple[int, int]
    xml_boxes: Sequence[Box]
    box: Box | None
    top5: Sequence[int]


def in_crop(xml_box: Box, size_wh: tuple[int, int]) -> list[float]:
    """A true box in pixels of the crop: squeezed to 256, shifted by 16, as fractions cut to [0, 1], times 224."""
    moved = []
    for place, corner in enumerate(xml_box):
        squeezed = (corner - 1) * (256 / size_wh[place % 2])
        low, high = (squeezed, None) if place < 2 else (None, squeezed)
        inside = max(16, low) if low is not None else min(16 + 224, high)
        moved.append(min(max((inside - 16) / 224, 0), 1) * 224)
    return moved


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    shared = area([max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])])
    return shared / (area(a) + area(b) - shared)


def evaluate(cases: Sequence[Case]) -> Mapping[str, float]:
    """GT-known, Top-1 and Top-5 Loc in percent."""
    hits: dict[str, dict[int, list[bool]]] = {name: defaultdict(list) for name in ("gt_known", "top1", "top5")}
    for case in cases:
        if not len(case.xml_boxes):
            continue
        truths = [in_crop(box, case.size_wh) for box in case.xml_boxes]
        best = max(overlap(case.box, truth) for truth in truths) if case.box is not None else 0.0
        hits["gt_known"][case.label].append(best > 0.5)
        hits["top1"][case.label].append(best > 0.5 and case.top5[0] == case.label)
        hits["top5"][case.label].append(best > 0.5 and case.label in case.top5)
    found = {}
    for name, by_class in hits.items():
        accuracies = [sum(bits) / len(bits) for bits in by_class.values()]
        found[name] = 100 * sum(accuracies) / len(accuracies)
    return found

"""Columns of a row: what is known of an image and a variant, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.base import Sample
    from wsol.localise import Located
    from wsol.looking import Spent
    from wsol.protocols.base import Protocol
    from wsol.variants import Variant

TOP = 5  # classes kept a row, for Top-5 Loc

Row = dict[str, Any]

FINE: Row = {"status": "ok", "error": None, "failed": []}  # of a row without a failure


def located_columns(found: Located, protocol: Protocol) -> Row:
    """Curves over tau as columns: IoU, and the number of boxes or, where there is only one, the box (half-open)."""
    row: Row = {"breaks": found.iou.breaks.tolist(), "iou": found.iou.values.tolist()}
    if found.count is not None:
        row |= {"count_breaks": found.count.breaks.tolist(), "count": found.count.values.tolist()}
    if (boxes := found.box_curve()) is not None:
        row |= {"box_breaks": boxes[0].tolist(), "boxes": boxes[1].ravel()}  # int32: half of what Python's would take
    return {f"{protocol.name}/{name}": value for name, value in row.items()}


def facts(sample: Sample, variant: Variant) -> Row:
    """What every row says of its image, and that nothing failed."""
    return {
        "image_id": sample.image_id,
        "variant": variant.key,
        "label": sample.label,
        "width": sample.size_wh[0],
        "height": sample.size_wh[1],
        "gt_boxes": [float(c) for c in np.asarray(sample.boxes_xyxy).ravel()],
        **FINE,
    }


def classification(logits: NDArray[Any], sample: Sample) -> Row:
    """Where the label ranks among (C,) logits, the highest classes, and the label's probability."""
    probabilities = softmax(logits)
    return {
        "rank": rank_of(logits, sample.label),
        "top": np.argsort(-logits, kind="stable")[:TOP].tolist(),
        "probability": float(probabilities[sample.label]),
    }


def costs(spent: Spent) -> Row:
    """What the map cost, for one image as if the method ran alone."""
    cost = spent.cost
    return {
        "forwards": cost.forwards,
        "backwards": cost.backwards,
        "partial_forwards": cost.partial_forwards,
        "ms": 1000 * cost.seconds,
        "peak_mb": spent.peak_mb,
    }


def rank_of(logits: NDArray[Any], label: int) -> int:
    """How many classes score higher than the label: 0 is Top-1."""
    return int((logits > logits[label]).sum() + (logits[:label] == logits[label]).sum())


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """(C,) logits to probabilities, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    normalised: NDArray[np.float64] = shifted / shifted.sum()
    return normalised

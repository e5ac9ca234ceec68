"""Which variants are one method by algebra on this network: their rows are equal up to rounding.

On a network that ends in global average pooling and one linear layer, CAM, HiResCAM and others give the same map at the
last stage (handbook: methods 2.2). Ranking them would rank rounding noise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.localisation import rows_of
from wsol.report.rows import curves_of, images_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

IMAGES, LEVELS = 400, 64  # looked at: enough to tell methods apart, few enough for long tables
# Sums in another order put a pixel on the other side of one of 255 levels now and then. Measured on shapes_gap: no
# place differs between twins (CAM and HiResCAM, Grad-CAM and XGrad-CAM), 27 % do between LayerCAM and Grad-CAM++ at stage5.
ROUNDING = 0.02


def same_rows(
    tables: Mapping[str, pa.Table],
    variants: Mapping[str, Mapping[str, Any]],
    protocols: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    """From a variant to the earliest published one with the same curves; variants without a twin are absent."""
    prints = {key: _print(table, protocols) for key, table in tables.items()}
    order = sorted(tables, key=lambda key: (_year(variants[key]), key))
    first: list[str] = []
    same: dict[str, str] = {}
    for key in order:
        twin = next((other for other in first if _equal(prints[key], prints[other])), None)
        if twin is None:
            first.append(key)
        else:
            same[key] = twin
    return same


def _print(table: pa.Table, protocols: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], NDArray[np.float32]]:
    """By (protocol, images), IoU (images, thresholds) of evenly chosen images."""
    found = {}
    for name, knobs in protocols.items():
        if f"{name}/iou" not in table.column_names:
            continue
        rows = rows_of(table, name)
        if not len(rows):
            continue
        curves = curves_of(rows, name, knobs)
        chosen = curves.take(np.unique(np.linspace(0, curves.n - 1, IMAGES).astype(int)))
        top = chosen.levels or 1
        points = [0.0] if knobs["tau"] != "sweep" else np.linspace(0, top, LEVELS, endpoint=False)
        points = np.floor(points) if chosen.levels else np.asarray(points)
        found[name, images_of(rows)] = np.stack([chosen.at(float(x)) for x in points], 1).astype(np.float32)
    return found


def _equal(a: Mapping[Any, NDArray[np.float32]], b: Mapping[Any, NDArray[np.float32]]) -> bool:
    if not a or a.keys() != b.keys():
        return False
    return all(_differing(a[name], b[name]) <= ROUNDING for name in a)


def _differing(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Share of (image, threshold) pairs whose IoU differs."""
    return float((np.abs(a - b) > 1e-6).mean())


def _year(about: Mapping[str, Any]) -> int:
    """Year of the paper, as its reference says; references without one come last."""
    years = re.findall(r"\b(?:19|20)\d\d\b", str(about.get("paper", "")))
    return int(years[0]) if years else 9999

"""Which variants are one method by algebra on this network: their rows are equal up to rounding.

On a network that ends in global average pooling and one linear layer, CAM, HiResCAM and others give the same map at the
last stage (handbook: methods 2.2). Ranking them would rank rounding noise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.localisation import rows_of
from wsol.report.rows import curves_of, images_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.stats.curves import Curves

IMAGES, LEVELS = 400, 64  # looked at: enough to tell methods apart, few enough for long tables
FEWEST = 20  # images in common; on 8 of them two different methods happened to agree
# Sums in another order put a pixel on the other side of one of 255 levels now and then. Measured on shapes_gap: no
# place differs between twins (CAM and HiResCAM, Grad-CAM and XGrad-CAM); 27 % do between the nearest others, LayerCAM
# and Grad-CAM++ at stage5.
ROUNDING = 0.02


@dataclass(frozen=True, slots=True)
class _Kept:
    """The curves of one variant under one protocol; `images` stands for `ids`."""

    images: str
    ids: tuple[str, ...]
    curves: Curves
    fixed: bool

    def at(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """(images, thresholds) IoU of some images."""
        chosen, top = self.curves.take(places), self.curves.levels or 1
        points = np.zeros(1) if self.fixed else np.linspace(0, top, LEVELS, endpoint=False)
        points = np.floor(points) if self.curves.levels else points
        return np.stack([chosen.at(float(x)) for x in points], 1)


def same_rows(
    tables: Mapping[str, pa.Table],
    variants: Mapping[str, Mapping[str, Any]],
    protocols: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    """From a variant to the earliest published, plainest one with the same curves; others are absent.

    Variants on a sample of the images are compared on the images that both have.
    """
    kept = {key: _kept(table, protocols) for key, table in tables.items()}
    # most images first: a variant seen on all of them is never named after one seen on a few
    order = sorted(tables, key=lambda k: (-len(tables[k]), _year(variants[k]), len(variants[k]["options"]), k))
    common: dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    first: list[str] = []
    same: dict[str, str] = {}
    for key in order:
        twin = next((other for other in first if _equal(kept[key], kept[other], common)), None)
        if twin is None:
            first.append(key)
        else:
            same[key] = twin
    return same


def _kept(table: pa.Table, protocols: Mapping[str, Mapping[str, Any]]) -> dict[str, _Kept]:
    found = {}
    for name, knobs in protocols.items():
        if f"{name}/iou" not in table.column_names:
            continue
        rows = rows_of(table, name)
        if len(rows):
            ids = tuple(rows["image_id"].to_pylist())
            found[name] = _Kept(images_of(rows), ids, curves_of(rows, name, knobs), knobs["tau"] != "sweep")
    return found


def _equal(
    a: Mapping[str, _Kept],
    b: Mapping[str, _Kept],
    common: dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> bool:
    if not a or a.keys() != b.keys():
        return False
    for name, mine in a.items():
        theirs = b[name]
        pair = (mine.images, theirs.images)
        if pair not in common:
            common[pair] = _in_both(mine.ids, theirs.ids)
        here, there = common[pair]
        if len(here) < FEWEST or (np.abs(mine.at(here) - theirs.at(there)) > 1e-6).mean() > ROUNDING:
            return False
    return True


def _in_both(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of up to IMAGES common images in both lists, spread evenly."""
    _, here, there = np.intersect1d(np.asarray(a), np.asarray(b), assume_unique=True, return_indices=True)
    chosen = np.unique(np.linspace(0, len(here) - 1, min(IMAGES, len(here))).astype(int))
    return here[chosen], there[chosen]


def _year(about: Mapping[str, Any]) -> int:
    """Year of the paper, as its reference says; references without one come last."""
    years = re.findall(r"\b(?:19|20)\d\d\b", str(about.get("paper", "")))
    return int(years[0]) if years else 9999

"""Which variants are one method by algebra on this network: their maps are equal, or their curves are up to rounding.

On a network that ends in global average pooling and one linear layer, CAM, HiResCAM and others give the same map at the
last stage. Ranking them would rank rounding noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.report.numbers.rows import curves_of, images_of, is_swept, known, rows_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.runs.schema import ProtocolInfo, VariantInfo
    from wsol.stats.curves import Curves

    Common = dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64]]]

DIGEST = "map_digest"
IMAGES, LEVELS = 400, 64  # compared: enough to tell methods apart, few enough for long tables
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


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a variant is known by: the digests of its maps by image, where rows have them, and its curves."""

    digests: Mapping[str, str]
    curves: Mapping[str, _Kept]


def same_rows(
    tables: Mapping[str, pa.Table], variants: Mapping[str, VariantInfo], protocols: Mapping[str, ProtocolInfo]
) -> dict[str, str]:
    """From a variant to the earliest published, plainest one with the same maps or curves; others are absent.

    Variants on a sample of the images are compared on the images that both have.
    """
    kept = {key: _Evidence(_digests(table), _kept(table, protocols)) for key, table in tables.items()}
    common: Common = {}
    first: list[str] = []
    same: dict[str, str] = {}

    def place(key: str) -> tuple[int, bool, int, int, str]:
        # most images first: a variant evaluated on all of them is never named after one evaluated on a few
        about = variants[key]
        return -len(tables[key]), about.role == "control", about.year or 9999, len(about.options), key

    for key in sorted(tables, key=place):
        twin = next((other for other in first if _equal(kept[key], kept[other], common)), None)
        if twin is None:
            first.append(key)
        else:
            same[key] = twin
    return same


def _digests(table: pa.Table) -> dict[str, str]:
    if DIGEST not in table.column_names:
        return {}
    rows = known(table, DIGEST)
    pairs = zip(rows["image_id"].to_pylist(), rows[DIGEST].to_pylist(), strict=True)
    return {image: digest for image, digest in pairs if digest}


def _kept(table: pa.Table, protocols: Mapping[str, ProtocolInfo]) -> dict[str, _Kept]:
    kept = {}
    for name, protocol in protocols.items():
        if f"{name}/iou" not in table.column_names:
            continue
        rows = rows_of(table, name)
        if len(rows):
            ids = tuple(rows["image_id"].to_pylist())
            kept[name] = _Kept(images_of(rows), ids, curves_of(rows, protocol), not is_swept(protocol))
    return kept


def _equal(first: _Evidence, second: _Evidence, common: Common) -> bool:
    shared = first.digests.keys() & second.digests.keys()
    if len(shared) >= FEWEST and all(first.digests[image] == second.digests[image] for image in shared):
        return True  # else curves decide: maps that differ in the last bit are one method all the same
    a, b = first.curves, second.curves
    if not a or a.keys() != b.keys():
        return False
    for name, of_a in a.items():
        of_b = b[name]
        pair = (of_a.images, of_b.images)
        if pair not in common:
            common[pair] = _in_both(of_a.ids, of_b.ids)
        rows_a, rows_b = common[pair]
        if len(rows_a) < FEWEST or (np.abs(of_a.at(rows_a) - of_b.at(rows_b)) > 1e-6).mean() > ROUNDING:
            return False
    return True


def _in_both(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of up to IMAGES common images in both lists, spread evenly."""
    _, in_a, in_b = np.intersect1d(np.asarray(a), np.asarray(b), assume_unique=True, return_indices=True)
    chosen = np.unique(np.linspace(0, len(in_a) - 1, min(IMAGES, len(in_a))).astype(int))
    return in_a[chosen], in_b[chosen]

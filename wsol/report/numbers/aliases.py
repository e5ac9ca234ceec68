"""Which variants are one method by algebra on this network: their maps are equal, or all that was measured of them is.

On a network that ends in global average pooling and one linear layer, CAM, HiResCAM and others give the same map at the
last stage. Ranking them would rank rounding noise. Boxes at a fixed threshold do not tell methods apart: a low one
gives the full box for every positive map.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wsol.report.numbers.failures import failed
from wsol.report.numbers.rows import columns_of, curves_of, is_swept, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.runs.schema import About, ProtocolInfo, VariantInfo

    Values = NDArray[np.float64]

DIGEST = "map_digest"
IMAGES, LEVELS = 400, 64  # compared: enough to tell methods apart, few enough for long tables
FEWEST = 20  # images that must tell maps apart; on 8 of them two different methods happened to agree
# Sums in another order put a pixel on the other side of one of 255 levels now and then. Measured on shapes_gap: no
# place differs between twins (CAM and HiResCAM, Grad-CAM and XGrad-CAM); 27 % do between the nearest others, LayerCAM
# and Grad-CAM++ at stage5.
ROUNDING = 0.02
METRIC_ROUNDING = 1e-3  # of a metric's number: a pixel hidden a step earlier changes a curve by less
FLAT_SHARE = 0.5  # of the images with one and the same map, from which on a table says so


@dataclass(frozen=True, slots=True)
class Aliases:
    """Variants that are one.

    Attributes
    ----------
    same : from a variant to the earliest published, plainest one with the same maps; others are absent.
    alike : likewise for variants that agree in all that was measured where that is too little to call them one.
    """

    same: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)


def aliases(tables: Mapping[str, pa.Table], about: About) -> Aliases:
    """The aliases among the variants of `tables`, compared on the images that both have."""
    compared = _Compared(tables, about)
    first: list[str] = []
    same: dict[str, str] = {}
    alike: dict[str, str] = {}

    def place(key: str) -> tuple[int, bool, int, int, str]:
        # most images first: a variant evaluated on all of them is never named after one evaluated on a few
        variant = about.variants[key]
        return -len(tables[key]), variant.role != "method", variant.year or 9999, len(variant.options), key

    for key in sorted(tables, key=place):
        verdicts = {other: compared.equal(key, other) for other in first}
        twin = next((other for other, equal in verdicts.items() if equal), None)
        if twin is not None:
            same[key] = twin
            continue
        first.append(key)
        near = next((other for other, equal in verdicts.items() if equal is None), None)
        if near is not None:
            alike[key] = near
    return Aliases(same, alike)


def repeated(table: pa.Table, variant: VariantInfo) -> int:
    """On how many images a method gave one and the same map, an all-zero one for instance; 0 where that is rare."""
    if variant.role != "method" or DIGEST not in table.column_names:
        return 0
    digests = [d for d, bad in zip(table[DIGEST].to_pylist(), failed(table), strict=True) if d and not bad]
    count = max(Counter(digests).values(), default=0)
    return count if count > max(1.0, FLAT_SHARE * len(table)) else 0


@dataclass(frozen=True, slots=True)
class _Column:
    """(n, k) numbers of n images, NaN where there is none.

    Attributes
    ----------
    rounding : how far apart two of them may be by rounding.
    telling : (n,) on which images another map would have given another number.
    """

    values: Values
    rounding: float | Values
    telling: NDArray[np.bool_]


class _Compared:
    """Pairs of variants, each compared on up to IMAGES of the images that both have; what was read is kept."""

    def __init__(self, tables: Mapping[str, pa.Table], about: About) -> None:
        self.tables, self.about = tables, about
        self.ids = {key: tuple(table["image_id"].to_pylist()) for key, table in tables.items()}
        self.rows: dict[tuple[str, tuple[str, ...]], _Rows] = {}

    def equal(self, a: str, b: str) -> bool | None:
        """Whether the maps are the same up to rounding; None where they may be, and the rows do not tell."""
        first, second = self._rows(a, self.ids[b]), self._rows(b, self.ids[a])
        known = (first.digests != "") & (second.digests != "")
        compared = known.any() and (known | first.failed | second.failed).all()
        if compared and (first.digests == second.digests)[known].all():
            return True  # else the numbers decide: maps that differ in the last bit are one method all the same
        if first.names != second.names or not first.names:
            return False
        enough = False
        for name in first.names:
            telling = _telling(first.columns(name), second.columns(name))
            if telling is None:
                return False
            enough |= telling >= FEWEST
        return enough or None

    def _rows(self, key: str, other: tuple[str, ...]) -> _Rows:
        if (key, other) not in self.rows:
            places = _in_both(self.ids[key], other)
            self.rows[key, other] = _Rows(self.tables[key].take(pa.array(places)), self.about)
        return self.rows[key, other]


class _Rows:
    """What some rows of a variant say of its maps: digests, IoU curves and the columns of metrics.

    Attributes
    ----------
    names : the protocols and metrics that have any value in these rows.
    """

    def __init__(self, table: pa.Table, about: About) -> None:
        self.table, self.about = table, about
        self.failed = failed(table)
        digests = table[DIGEST].to_pylist() if DIGEST in table.column_names else [""] * len(table)
        self.digests = np.where(self.failed, "", np.array([d or "" for d in digests], dtype=np.str_))
        filled = [column for column in table.column_names if table[column].null_count < len(table)]
        measures = [*about.protocols, *(name for name, metric in about.metrics.items() if metric.takes_map)]
        self.names = [name for name in measures if any(column.startswith(f"{name}/") for column in filled)]
        self._columns: dict[str, Mapping[str, _Column]] = {}

    def columns(self, name: str) -> Mapping[str, _Column]:
        """The numbers of a protocol or metric by column."""
        if name not in self._columns:
            protocol = self.about.protocols.get(name)
            self._columns[name] = {"iou": _iou(self.table, protocol)} if protocol else _metric(self.table, name)
        return self._columns[name]


def _telling(first: Mapping[str, _Column], second: Mapping[str, _Column]) -> int | None:
    """On how many images equal columns tell that the maps are equal; None where the columns differ."""
    if first.keys() != second.keys():
        return None
    telling = 0
    for name, a in first.items():
        b = second[name]
        if a.values.shape != b.values.shape:
            return None
        known = ~(np.isnan(a.values) | np.isnan(b.values))
        if known.any() and (np.abs(a.values - b.values) > a.rounding)[known].mean() > ROUNDING:
            return None
        telling = max(telling, int((a.telling & known.any(1)).sum()))
    return telling


def _iou(table: pa.Table, protocol: ProtocolInfo) -> _Column:
    """IoU at LEVELS thresholds, or at the fixed one; images on whose curve it changes tell maps apart."""
    measured = table[f"{protocol.name}/iou"].is_valid().to_numpy()
    curves = curves_of(rows_of(table, protocol.name), protocol)
    top = curves.levels or 1
    points = np.linspace(0, top, LEVELS, endpoint=False) if is_swept(protocol) else np.zeros(1)
    points = np.floor(points) if curves.levels else points
    values = np.full((len(table), len(points)), np.nan)
    values[measured] = np.stack([curves.at(float(x)) for x in points], 1)
    return _Column(values, 1e-6, (values != values[:, :1]).any(1))


def _metric(table: pa.Table, name: str) -> dict[str, _Column]:
    """The numbers of a metric; those of a fraction that no other image has tell maps apart, counts and bits do not."""
    found = {}
    for column, values in columns_of(table, f"{name}/").items():
        kind = table.schema.field(f"{name}/{column}").type
        kind = kind.value_type if pa.types.is_list(kind) else kind
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            continue
        array = values if isinstance(values, np.ndarray) else _padded(values)
        array = np.asarray(array, np.float64).reshape(len(table), -1)
        _, place, counts = np.unique(array.round(6), axis=0, return_inverse=True, return_counts=True)
        alone = (counts[place.ravel()] == 1) & pa.types.is_floating(kind)
        found[column] = _Column(array, METRIC_ROUNDING * np.abs(array) + 1e-6, alone)
    return found


def _padded(values: Sequence[Any]) -> Values:
    """Numbers or lists of them as (n, k), NaN where there are none."""
    lists = [v if isinstance(v, list) else [v] for v in values]
    array = np.full((len(lists), max(map(len, lists), default=0)), np.nan)
    for row, one in zip(array, lists, strict=True):
        row[: len(one)] = [np.nan if v is None else v for v in one]
    return array


def _in_both(a: tuple[str, ...], b: tuple[str, ...]) -> NDArray[np.int64]:
    """Places in `a` of up to IMAGES common images, spread evenly over them in the order of their names."""
    _, in_a, _ = np.intersect1d(np.asarray(a), np.asarray(b), assume_unique=True, return_indices=True)
    chosen: NDArray[np.int64] = np.unique(np.linspace(0, len(in_a) - 1, min(IMAGES, len(in_a))).astype(np.int64))
    return np.asarray(in_a[chosen], np.int64)

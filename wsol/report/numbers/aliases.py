"""Which variants are one method by algebra on this network: their maps are equal, or all that was measured of them is.

On a network that ends in global average pooling and one linear layer, CAM, HiResCAM and others give the same map at the
last stage. Ranking them would rank rounding noise. Boxes at a fixed threshold do not tell methods apart: a low one
gives the full box for every positive map.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wsol.report.numbers.failures import OF_FAILURES, failed
from wsol.report.numbers.rows import columns_of, curves_of, images_of, is_swept, packed_hits, rows_of
from wsol.runs.arrays import chosen, integers, is_known, numpy_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.runs.schema import About, ProtocolInfo, VariantInfo

    Values = NDArray[np.float64]
    Tables = Mapping[str, pa.Table]

DIGEST = "map_digest"
SHORT = ("image_id", DIGEST, *OF_FAILURES)  # with bits of hits they tell most variants apart
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


def aliases(tables: Tables, about: About, read: Callable[[Collection[str]], Tables] | None = None) -> Aliases:
    """The aliases among the variants of `tables`, compared on the images that both have.

    Parameters
    ----------
    tables : digests and bits of hits, by which most variants are told apart.
    read : all that was measured of some variants, for those that are not; `tables` itself by default.
    """
    compared = _Compared(tables, about, read or (lambda keys: tables))
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
    found = pc.value_counts(chosen(table, ~failed(table))[DIGEST].drop_null())
    lengths, counts = numpy_of(pc.binary_length(found.field("values"))), numpy_of(found.field("counts"))
    count = int(counts[lengths > 0].max(initial=0))
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

    def __init__(self, tables: Tables, about: About, read: Callable[[Collection[str]], Tables]) -> None:
        self.about, self._read = about, read
        names = {key: [n for n in t.column_names if n in SHORT or n.endswith("/hits")] for key, t in tables.items()}
        self.short = _Shared({key: table.select(names[key]) for key, table in tables.items()}, about)
        self._differ: dict[tuple[str, str], bool] = {}

    def equal(self, a: str, b: str) -> bool | None:
        """Whether the maps are the same up to rounding; None where they may be, and the rows do not tell."""
        first, second = self.short.rows(a, b), self.short.rows(b, a)
        if first is second or first.same_maps(second):
            return True  # else the numbers decide: maps that differ in the last bit are one method all the same
        if self.differ(a, b):
            return False
        first, second = self.long.rows(a, b), self.long.rows(b, a)
        if first.names != second.names or not first.names:
            return False
        enough = False
        for name in first.names:
            telling = _telling(first.columns(name), second.columns(name))
            if telling is None:
                return False
            enough |= telling >= FEWEST
        return enough or None

    def differ(self, a: str, b: str) -> bool:
        """Whether hits alone show that the maps are not the same."""
        pair = (min(a, b), max(a, b))
        if pair not in self._differ:
            self._differ[pair] = self.short.rows(a, b).far_from(self.short.rows(b, a))
        return self._differ[pair]

    @cached_property
    def long(self) -> _Shared:
        """All that was measured of the variants that hits do not tell apart; read at once, as a file holds them all."""
        pairs = combinations(self.short.tables, 2)
        near = dict.fromkeys(key for pair in pairs if not self.differ(*pair) for key in pair)
        return _Shared(self._read(near), self.about)


class _Shared:
    """Rows of the images that two variants share."""

    def __init__(self, tables: Tables, about: About) -> None:
        self.tables, self.about = tables, about
        self.images = {key: images_of(table) for key, table in tables.items()}
        self._ids: dict[str, NDArray[Any]] = {}
        self._rows: dict[tuple[str, str], _Rows] = {}

    def rows(self, key: str, other: str) -> _Rows:
        """Those of `key`, of up to IMAGES images, spread evenly over those that both have in the order of names."""
        of = self.images[other]
        if (key, of) not in self._rows:
            table = self.tables[key]
            places = np.arange(len(table))
            if self.images[key] != of:
                _, places, _ = np.intersect1d(self.ids(key), self.ids(other), assume_unique=True, return_indices=True)
            if len(places) > IMAGES:
                places = places[np.linspace(0, len(places) - 1, IMAGES).astype(np.int64)]  # more than 1 apart
            self._rows[key, of] = _Rows(table.take(integers(places)), self.about)
        return self._rows[key, of]

    def ids(self, key: str) -> NDArray[Any]:
        """(n,) names of images."""
        if self.images[key] not in self._ids:
            self._ids[self.images[key]] = np.asarray(self.tables[key]["image_id"].to_pylist())
        return self._ids[self.images[key]]


class _Rows:
    """What some rows of a variant say of its maps: digests, IoU curves and the columns of metrics."""

    def __init__(self, table: pa.Table, about: About) -> None:
        self.table, self.about = table, about
        self.failed = failed(table)
        digests = table[DIGEST].to_pylist() if DIGEST in table.column_names else [""] * len(table)
        self.digests = np.where(self.failed, "", np.array([d or "" for d in digests], dtype=np.str_))
        self._columns: dict[str, Mapping[str, _Column]] = {}
        self._bits: dict[str, NDArray[np.uint8] | None] = {}

    @cached_property
    def names(self) -> list[str]:
        """The protocols and metrics that have any value in these rows."""
        table, about = self.table, self.about
        filled = [column for column in table.column_names if table[column].null_count < len(table)]
        measures = [*about.protocols, *(name for name, metric in about.metrics.items() if metric.takes_map)]
        return [name for name in measures if any(column.startswith(f"{name}/") for column in filled)]

    def same_maps(self, other: _Rows) -> bool:
        """Whether all maps have equal digests."""
        there = (self.digests != "") & (other.digests != "")
        compared = there.any() and (there | self.failed | other.failed).all()
        return bool(compared and (self.digests == other.digests)[there].all())

    def far_from(self, other: _Rows) -> bool:
        """Whether hits alone show that the IoU differs at too many places: two on different sides of a delta differ."""
        for name in self.about.protocols:
            mine, theirs = self.bits(name), other.bits(name)
            if mine is not None and theirs is not None and mine.shape == theirs.shape:
                differing = mine != theirs
                count = np.count_nonzero(differing if differing.shape[2] == 1 else differing.any(2))
                if count > ROUNDING * differing[:, :, 0].size:
                    return True
        return False

    def bits(self, name: str) -> NDArray[np.uint8] | None:
        """(n, LEVELS, bytes) hits where `_iou` compares IoUs, 8 deltas per byte; None where not all rows have them."""
        if name not in self._bits:
            self._bits[name] = self._read_bits(self.about.protocols[name])
        return self._bits[name]

    def _read_bits(self, protocol: ProtocolInfo) -> NDArray[np.uint8] | None:
        column = f"{protocol.name}/hits"
        if column not in self.table.column_names or self.table[column].null_count:
            return None
        width = max(len(protocol.grid), 1)
        starts = width * np.arange(len(protocol.hit_deltas))[:, None]
        places = (starts + _points(protocol, width).astype(np.int64)).T  # (LEVELS, deltas)
        return np.packbits(np.unpackbits(packed_hits(self.table, protocol), axis=1).take(places, axis=1), axis=2)

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
    measured = is_known(table[f"{protocol.name}/iou"])
    curves = curves_of(rows_of(table, protocol.name), protocol)
    points = _points(protocol, curves.levels)
    values = np.full((len(table), len(points)), np.nan)
    values[measured] = np.stack([curves.at(float(x)) for x in points], 1)
    return _Column(values, 1e-6, (values != values[:, :1]).any(1))


def _points(protocol: ProtocolInfo, levels: int | None) -> Values:
    """LEVELS positions on a protocol's curves, or the one of a fixed threshold."""
    points = np.linspace(0, levels or 1, LEVELS, endpoint=False) if is_swept(protocol) else np.zeros(1)
    return np.floor(points) if levels else points


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

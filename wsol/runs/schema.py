"""What a file of rows states about itself: every column and every field of its footer, defined once.

Whatever reads rows (tables, figures, the page, exports) takes names, labels, units and directions from here, never from
a registry, a folder's name or a sentence; so it needs neither torch nor the methods that made the rows.

Columns of a row
----------------
``image_id, variant, label, width, height, gt_boxes`` the image and the variant's key; boxes x0 y0 x1 y1, flat.
``sample_digest`` 16 hex digits of what is known of the image without opening it: its facts and a digest of its file.
``status`` ``ok`` or ``failed``; ``error`` the first line of what went wrong; ``failed`` the measures without a value of
    their own (all of them where the map itself failed): they hold the worst value there is, or nothing.
``image_digest, mask_digest, map_digest`` 16 hex digits of the pixels, the mask and the raw map; equal digests mean
    equal maps. Empty where nothing was read (controls from sizes alone, datasets without masks).
``rank, top, probability`` of the network for the image, in the run's view, or of the run's `RunInfo.classifier` where
    there is one; ``rank_depth`` for predicted classes from a file.
``forwards, backwards, partial_forwards`` per image as if the variant ran alone, counted;
``ms, peak_mb`` likewise, measured; ``batch`` the network inputs at a time where those asked for did not fit into
    memory, else null: `MEASURED` columns differ from run to run, all others do not.
``<protocol>/breaks, iou`` the best IoU as a step function of tau; ``count_breaks, count`` of the number of boxes, where
    all count; ``box_breaks, boxes`` of the one box, half-open in the protocol's frame, where one counts.
``<protocol>/hits`` one bit per delta and threshold of the protocol's grid, delta by delta, packed (first bit highest).
``<protocol>/rank`` of the label in the protocol's own view, where that is not the run's.
``<metric>/<column>`` what a metric measured.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from wsol.errors import OutputError

SCHEMA_VERSION = 3  # raise it when a reader of today could not read the rows; older run folders are refused
KEY = b"wsol"  # of the footer among a Parquet file's metadata
DIGEST = b"wsol.digest"  # of the footer's own digest beside it
MEASURED = ("ms", "peak_mb", "batch")
COUNTED = ("forwards", "backwards", "partial_forwards")

Unit = Literal["percent", "share", "count", "nats", ""]
TauSource = Literal["sweep", "fixed", ""]
Average = Literal["images", "classes", "pooled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One number that the rows of a measure give.

    Attributes
    ----------
    measure : the protocol or metric by whose name the columns start, ``classification`` for the network's own.
    key, label : what users type, for example ``maxboxacc_v2``, and what tables show.
    unit : ``percent`` is a fraction in the columns that tables multiply by 100.
    higher_is_better : None where neither is.
    tau : where its threshold comes from: chosen from a ``sweep``, ``fixed``, or none.
    average : over ``images``, over ``classes``, or of all pixels or images in one pool.
    reduction : ``mean`` of its one column, ``hits`` of box columns (with `deltas` and `top`), ``boxes`` at the best
        threshold, ``best_tau``, ``rank`` below `top`, or the name of a function in `wsol.stats.reductions`.
    columns : what it is made of, without the measure's prefix; empty for all of the measure's columns.
    deltas : IoU thresholds whose accuracies are averaged. top : the label must be among that many classes.
    bounds : the lowest and highest value there can be, in the columns' unit; a failed image counts as the worse end.
    signed : a percentage that may be below 0 or above 100. proportion : of 0 and 1, so that Wilson's interval applies.
    headline : what its table is ranked by. main : belongs into the usual table.
    """

    measure: str
    key: str
    label: str
    unit: Unit = ""
    higher_is_better: bool | None = True
    tau: TauSource = ""
    average: Average = "images"
    reduction: str = "mean"
    columns: tuple[str, ...] = ()
    deltas: tuple[float, ...] = ()
    top: int | None = None
    bounds: tuple[float, float] | None = None
    signed: bool = False
    proportion: bool = False
    headline: bool = False
    main: bool = False

    @property
    def percent(self) -> bool:
        return self.unit == "percent"

    @property
    def column(self) -> str:
        """The one column whose mean it is, with its prefix; empty where it is more than a mean."""
        return f"{self.measure}/{self.columns[0]}" if self.reduction == "mean" and self.columns else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantInfo:
    """A method with its layers and options, as rows know it.

    Attributes
    ----------
    key : what rows are stored under: the id, and the source's hash for methods outside the package.
    name : as its paper writes it, ``Grad-CAM++``; method : the registry's key.
    layers, modules : as typed and as dotted names; both empty for methods without layers.
    options : those that differ from the defaults; defaults : all of them, the method's and the fusion's.
    idle : options that do nothing in this variant, whatever their value: those of a fusion of one layer.
    role : ``control`` where the map is fixed or random by design, ``ceiling`` where it is made of the ground truth.
    parts : the keys of the single layers' variants of whose raw maps its own is fused, and `fusion` the options of
        that; empty where nothing is fused.
    """

    key: str
    id: str
    method: str
    name: str
    layers: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    idle: tuple[str, ...] = ()
    role: Literal["method", "control", "ceiling"] = "method"
    paper: str = ""
    year: int | None = None
    cost: str = ""
    stochastic: bool = False
    parts: tuple[str, ...] = ()
    fusion: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolInfo:
    """A protocol as rows know it.

    Attributes
    ----------
    preset, changes : what it is derived from, and by which knobs; ``changes`` is empty for a preset itself.
    several_boxes : whether more than one box counts per image.
    own_view : the view it was evaluated under where that is not the run's, else empty.
    grid : the thresholds of `hits`; empty where every float is one, or where there is a single, fixed one.
    hit_deltas : the IoU thresholds of `hits`.
    """

    name: str
    paper: str
    knobs: Mapping[str, Any]
    preset: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    several_boxes: bool = False
    own_view: str = ""
    grid: tuple[float, ...] = ()
    hit_deltas: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """A metric as rows know it.

    Attributes
    ----------
    name : what columns start with. changes : the options that differ from the defaults.
    sample : how many images it was measured on, None for all.
    curves : columns that hold one curve per image over [0, 1], by name what the axis below it says.
    takes_map : False for what is the same for every map: a metric of the network's predictions.
    """

    name: str
    key: str
    options: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    sample: int | None = None
    curves: Mapping[str, str] = field(default_factory=dict)
    takes_map: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What was evaluated: data, network, view and numerics.

    Attributes
    ----------
    view, side : its name, and the side of its canvas in pixels, 0 where the maps do not say.
    source : where maps are from: ``network``, ``fixed`` (sizes alone) or ``stored`` (files).
    trained : False where the network's weights are random.
    classifier : what says which class an image is of, where that is not the network behind the maps: another network
        with its weights, or a file's name.
    compiled : whether further forward passes went through `torch.compile`.
    notes : sentences on what was chosen of images and annotations, for under the table.
    """

    dataset: str
    split: str = ""
    network: str = ""
    weights: str = ""
    view: str = ""
    side: int = 0
    seed: int = 0
    source: Literal["network", "fixed", "stored"] = "network"
    trained: bool = True
    device: str = "cpu"
    precision: str = "float32"
    classifier: str = ""
    compiled: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """Everything a file of rows states about itself.

    Attributes
    ----------
    shard, rows : which shard the rows are of, and how many.
    work : the (variant key, measure) pairs that the rows hold.
    image_ids : of a part of a shard, the images it holds; empty for a whole shard.
    checksum : over all columns but the measured ones, so that equal rows have equal checksums on every machine.
    columns : the names of these columns.
    """

    shard: int
    rows: int
    work: tuple[tuple[str, str], ...]
    run: RunInfo
    variants: Mapping[str, VariantInfo] = field(default_factory=dict)
    protocols: Mapping[str, ProtocolInfo] = field(default_factory=dict)
    metrics: Mapping[str, MetricInfo] = field(default_factory=dict)
    quantities: tuple[Quantity, ...] = ()
    measured: tuple[str, ...] = MEASURED
    image_ids: tuple[str, ...] = ()
    checksum: str = ""
    columns: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        return json.dumps(self, default=_plain).encode()

    def metadata(self) -> dict[bytes, bytes]:
        """What a Parquet file's metadata say: the footer, and its digest."""
        text = self.to_json()
        return {KEY: text, DIGEST: digest_of(text)}

    @classmethod
    def from_json(cls, text: bytes, *, where: object) -> Footer:
        """Raises OutputError for rows of another schema; ValueError, KeyError or TypeError for others."""
        plain = json.loads(text or b"{}")
        if not isinstance(plain, dict):
            raise ValueError(f"the footer is a {type(plain).__name__}")
        if plain.get("schema_version") != SCHEMA_VERSION:
            raise OutputError(
                f"{where} holds rows of an older version (schema {plain.get('schema_version', 'unknown')}, "
                f"expected {SCHEMA_VERSION}); run the same command into a new folder: wsol run paths.runs=DIR"
            )
        made = {name: _as_before(name, plain[name], make) for name, make in _RECORDS.items()}
        lists = {name: tuple(plain.get(name, ())) for name in ("measured", "image_ids", "columns")}
        return cls(**{**plain, **made, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What all footers of a run say together."""

    run: RunInfo
    variants: Mapping[str, VariantInfo]
    protocols: Mapping[str, ProtocolInfo]
    metrics: Mapping[str, MetricInfo]
    quantities: tuple[Quantity, ...]

    @classmethod
    def of(cls, footers: Iterable[Footer]) -> About:
        """Later footers win. Raises ValueError where there is none."""
        known: Sequence[Footer] = list(footers)
        if not known:
            raise ValueError("there are no rows to describe")
        quantities = {(q.measure, q.key): q for footer in known for q in footer.quantities}
        return cls(
            run=known[-1].run,
            variants={k: v for footer in known for k, v in footer.variants.items()},
            protocols={k: v for footer in known for k, v in footer.protocols.items()},
            metrics={k: v for footer in known for k, v in footer.metrics.items()},
            quantities=tuple(quantities.values()),
        )

    def quantities_of(self, measure: str) -> tuple[Quantity, ...]:
        return tuple(q for q in self.quantities if q.measure == measure)


def _plain(value: Any) -> Any:
    """What JSON has for a record, whose fields it then looks at itself; `dataclasses.asdict` copies each number."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


def digest_of(text: bytes) -> bytes:
    """Of a footer as it is written: nothing else in a Parquet file would show that a letter of it is another one."""
    return blake2b(text, digest_size=8).hexdigest().encode()


def _made(cls: type[Any], plain: Mapping[str, Any]) -> Any:
    """A record of plain JSON: its lists are tuples again."""
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()})


_RECORDS: dict[str, Callable[[Any], Any]] = {
    "work": lambda pairs: tuple((variant, measure) for variant, measure in pairs),
    "run": lambda plain: _made(RunInfo, plain),
    "variants": lambda plain: {k: _made(VariantInfo, v) for k, v in plain.items()},
    "protocols": lambda plain: {k: _made(ProtocolInfo, v) for k, v in plain.items()},
    "metrics": lambda plain: {k: MetricInfo(**v) for k, v in plain.items()},
    "quantities": lambda plain: tuple(_made(Quantity, q) for q in plain),
}
_before: dict[str, tuple[Any, Any]] = {}


def _as_before(name: str, plain: Any, make: Callable[[Any], Any]) -> Any:
    """The records of a field; the last ones again where it is the same, as in all files of a run."""
    last = _before.get(name)
    if last is None or last[0] != plain:
        last = _before[name] = (plain, make(plain))
    return last[1]

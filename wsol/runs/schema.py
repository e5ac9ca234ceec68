"""What rows hold and what they are known by: every column, and the records that a footer describes them with.

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
``ms, peak_mb`` likewise, measured; ``batch`` the network inputs at a time where fewer than asked for were taken, since
    those did not fit into memory or kept rows from the disk for too long, else null: `MEASURED` columns differ from run
    to run, all others do not, but in their last bits where ``batch`` differs.
``<protocol>/breaks, iou`` the best IoU as a step function of tau; ``count_breaks, count`` of the number of boxes, where
    all count; ``box_breaks, boxes`` of the one box, half-open in the protocol's frame, where one counts.
``<protocol>/hits`` one bit per delta and threshold of the protocol's grid, delta by delta, packed (first bit highest).
``<protocol>/rank`` of the label in the protocol's own view, where that is not the run's.
``<metric>/<column>`` what a metric measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
class About:
    """What all footers of a run say together."""

    run: RunInfo
    variants: Mapping[str, VariantInfo]
    protocols: Mapping[str, ProtocolInfo]
    metrics: Mapping[str, MetricInfo]
    quantities: tuple[Quantity, ...]

    def quantities_of(self, measure: str) -> tuple[Quantity, ...]:
        return tuple(q for q in self.quantities if q.measure == measure)

"""The contract of a metric, and the decorator that registers one.

A metric has two halves. `measure` takes one image and one variant and returns plain *columns* that go into the row,
where they are stored as ``<key>/<column>``. `scores` says, without torch and at any later time, how the columns of all
images become numbers. A score takes a weight per image, so that a bootstrap can draw the images again.

    @metric("focus", paper="Me, 2026", year=2026, needs=("boxes",), about="Share of the bright part in the boxes.")
    class Focus:
        '''Focus: how much of what the map shows is on the object.'''

        tau: Share = option(0.5, help="level from which a pixel is bright")  # metrics.focus.tau=0.3

        scores = (mean("focus", label="Focus", percent=True),)

        def measure(self, item: MetricInput) -> Columns:
            shown = item.map01 >= self.tau
            inside = boxes_to_mask(item.boxes, shown.shape) == 1
            return {"focus": float(shown[inside].sum() / shown.sum()) if shown.any() else None}

A metric that queries the model is a `BatchMetric` with a `measure_batch` in place of `measure`, so that forward passes
of many images and variants fill chunks.
Undefined values are None in a column, and a mean leaves them out. Values that are shown as percentages are fractions in
columns and scores; the table multiplies.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, cast, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from wsol.metrics._scores import Score
from wsol.options import build, component, defaults
from wsol.registry import Registry
from wsol.seeding import numpy_generator
from wsol.stats import reductions

if TYPE_CHECKING:
    import torch

    from wsol.models.query import ModelQuery

Need = Literal["model", "method", "mask", "boxes", "truth", "probabilities"]
Floats = NDArray[np.floating[Any]]
OfClass = Literal["target", "top1"]
OF_CLASS = "whose probability: the label's (target), or the predicted class's (top1)"  # help of an option
Columns = dict[str, Any]  # plain values: float, int, bool, str, None, or lists of them
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInput:
    """One image under one variant: what a metric receives.

    Attributes
    ----------
    image : (3, h, w), the normalized network input, on the network's device. Its zeros are the mean color.
    map : (h, w) float, the raw map resized to the network input, not normalized.
    map01 : (h, w) float in [0, 1], the same after min-max; a constant map is all zeros.
    target : class whose map it is: the label.
    probabilities : (C,) of the network for exactly this `image`.
    query : the network; forwards are chunked and counted.
    boxes : (g, 4) float64, ground-truth boxes x0 y0 x1 y1 in pixels of the input frame, half-open.
    mask : (h, w) uint8 in the input frame: 0 background, 1 object, 255 ignore; None where the dataset has no masks.
    remap : from another (3, h, w) image to this variant's (h, w) map of `target`, resized as `map`.
    image_id, seed : what random numbers are drawn from.
    raw : the map as the method gave it, before any resize; None where only `map` is at hand.
    memo : shared by all variants of this image; see `once`.
    """

    image: torch.Tensor
    map: Floats
    map01: Floats
    target: int
    probabilities: Floats
    query: ModelQuery
    boxes: NDArray[np.float64]
    mask: NDArray[np.uint8] | None
    remap: Callable[[torch.Tensor], Floats]
    image_id: str
    seed: int
    raw: Floats | None = None
    memo: dict[object, Any] = field(default_factory=dict)

    @property
    def predicted(self) -> int:
        """The class of highest probability; the lowest index wins a tie."""
        return int(np.argmax(self.probabilities))

    @property
    def probability(self) -> float:
        """Probability of `target` on the original image."""
        return float(self.probabilities[self.target])

    def class_of(self, which: OfClass) -> int:
        """The class whose probability a metric takes: the label, or the predicted one."""
        return self.target if which == "target" else self.predicted

    def rng(self, salt: str = "") -> np.random.Generator:
        """Random numbers from (run seed, image id, salt): independent of batch, shard and device."""
        return numpy_generator(self.seed, self.image_id, salt)

    def once(self, key: object, make: Callable[[], V]) -> V:
        """`make()`, computed once for all variants of this image. The key must name every option it depends on."""
        if key not in self.memo:
            self.memo[key] = make()
        return cast(V, self.memo[key])


def once_each(
    items: Sequence[MetricInput], key: Callable[[MetricInput], object], make: Callable[[list[MetricInput]], Sequence[V]]
) -> list[V]:
    """As `MetricInput.once` for many: `make` gets one item for each key that its image lacks, all of them together."""
    keys = [key(item) for item in items]
    missing: dict[tuple[int, object], MetricInput] = {}
    for item, k in zip(items, keys, strict=True):
        if k not in item.memo:
            missing.setdefault((id(item.memo), k), item)
    made = make([*missing.values()]) if missing else ()
    for (_, k), item, value in zip(missing, missing.values(), made, strict=True):
        item.memo[k] = value
    return [cast(V, item.memo[k]) for item, k in zip(items, keys, strict=True)]


def digest(values: NDArray[Any]) -> bytes:
    """Equal for equal arrays: a key for what equal maps of one image share."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """What is known of a metric without running it.

    Attributes
    ----------
    needs : ``model`` forwards; ``method`` runs the variant again on another image (`remap`); ``mask``; ``boxes``;
        ``truth`` is a mask or, where there is none, the boxes; ``probabilities`` alone: the map plays no part.
    about : one sentence for lists.
    cost : forward passes per image and variant, in words.
    against : it has the option `against`, which chooses between mask and boxes.
    curves : columns that hold one curve per image over [0, 1], by name what the axis below it says.
    """

    key: str
    name: str
    paper: str
    year: int
    needs: frozenset[str]
    about: str
    cost: str = "0"
    against: bool = False
    curves: Mapping[str, str] = field(default_factory=dict)


class Metric(Protocol):
    """A frozen dataclass of options."""

    info: ClassVar[MetricInfo]

    @property
    def scores(self) -> tuple[Score, ...]:
        """The numbers it gives; a class attribute, or a property where they depend on options."""

    def measure(self, item: MetricInput) -> Columns:
        """The columns of one image and variant: always the same names, JSON-able values."""


class BatchMetric(ABC):
    """A metric that measures many images and variants together, which fills whole chunks of forward passes."""

    @abstractmethod
    def measure_batch(self, items: Sequence[MetricInput]) -> list[Columns]:
        """The columns of each item; these are of any images, sizes and variants, in any order."""

    def measure(self, item: MetricInput) -> Columns:
        """The columns of one image and variant."""
        return self.measure_batch([item])[0]


def measure(metric: Metric, items: Sequence[MetricInput]) -> list[Columns]:
    """The columns of every item, all of them together where the metric can do that."""
    if isinstance(metric, BatchMetric):
        return metric.measure_batch(items)
    return [metric.measure(item) for item in items]


def failed_columns(metric: Metric, item: MetricInput) -> Columns:
    """The columns of an image whose map failed, so that it stays among the n: as bad as a map can be.

    Means are at the worse end of their bounds, and None where there is none; columns that no mean is of are left out. A
    metric with pooled numbers has a method `failed(item)` of its own; one that takes no map is measured as always. The
    item's `map`, `map01` and `raw` hold NaN.
    """
    own: Callable[[MetricInput], Columns] | None = getattr(metric, "failed", None)
    if own is not None:
        return own(item)
    if metric.info.needs == {"probabilities"}:
        return metric.measure(item)
    return {score.column: score.worst for score in metric.scores if score.column is not None}


def reduction_of(metric: Metric, score: Score) -> str:
    """The name in `wsol.stats.reductions` of how a score comes about; a function of its own is registered under one."""
    if score.reduction:
        return score.reduction
    name = f"{metric.info.key}.{score.name}"
    reductions.register(name, score.of)
    return name


metrics: Registry[type[Metric]] = Registry("metric", "wsol.metrics")


def _teach(measure: str, key: str, chosen: Mapping[str, Any]) -> None:
    """Register how a known metric's columns become numbers, for a reader of rows that hold them."""
    if key in metrics:
        made = build(metrics[key], chosen, where=f"metrics.{measure}")
        for score in made.scores:
            reduction_of(made, score)


reductions.ask_for_unknown(_teach)

C = TypeVar("C")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def metric(
    key: str,
    *,
    paper: str,
    year: int,
    needs: Sequence[Need],
    about: str,
    cost: str = "0",
    curves: Mapping[str, str] | None = None,
) -> Callable[[type[C]], type[C]]:
    """Register a class as a metric. Its fields become options (`metrics.<key>.<field>=...`); see `MetricInfo`."""

    def register(cls: type[C]) -> type[C]:
        made = component(cls, key)
        made.info = MetricInfo(  # type: ignore[attr-defined]
            key=key,
            name=cls.__name__,
            paper=paper,
            year=year,
            needs=frozenset(needs),
            about=about,
            cost=cost,
            against="against" in defaults(made),
            curves=curves or {},
        )
        metrics.add(key, made)  # type: ignore[arg-type]
        scores = getattr(made, "scores", ())
        for score in scores if isinstance(scores, tuple) else ():  # a property's are known once there are options
            reduction_of(made, score)  # type: ignore[arg-type]
        return made

    return register

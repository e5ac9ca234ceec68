"""The contract of a metric, and the decorator that registers one.

A metric has two halves. `measure` looks at one image and one variant and returns plain *columns* that go into the row,
where they are stored as ``<key>/<column>``. `scores` says, without torch and at any later time, how the columns of all
images become numbers. A score takes a weight an image, so that a bootstrap can draw the images again.

    @metric("focus", paper="Me, 2026", year=2026, needs=("boxes",), about="Share of the bright part in the boxes.")
    class Focus:
        '''Focus: how much of what the map shows is on the object.'''

        tau: float = 0.5  # every field is an option: metrics.focus.tau=0.3

        scores = (mean("focus", label="Focus", percent=True),)

        def measure(self, case: Case) -> Columns:
            shown = case.map01 >= self.tau
            inside = boxes_to_mask(case.boxes, shown.shape) == 1
            return {"focus": float(shown[inside].sum() / shown.sum()) if shown.any() else None}

Undefined values are None in a column, and a mean leaves them out. Values that are shown as percentages are fractions in
columns and scores; the table multiplies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, cast, dataclass_transform

import numpy as np

from wsol.models.cost import Memo
from wsol.models.query import ModelQuery
from wsol.registry import Registry

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Need = Literal["model", "method", "mask", "boxes", "truth", "probabilities"]
Columns = dict[str, Any]  # plain values: float, int, bool, str, None, or lists of them
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One image under one variant: all that a metric may know.

    Attributes
    ----------
    image : (3, h, w), the normalised network input, on the network's device. Its zeros are the mean colour.
    map : (h, w) float, the raw map resized to the network input, not normalised.
    map01 : (h, w) float in [0, 1], the same after min-max; a constant map is all zeros.
    target : class whose map it is: the label.
    probabilities : (C,) softmax of the network for exactly this `image`.
    query : the network; forwards are chunked and counted.
    boxes : (g, 4) float64, ground-truth boxes x0 y0 x1 y1 in pixels of the input frame, half-open.
    mask : (h, w) uint8 in the input frame: 0 background, 1 object, 255 ignore; None where the dataset has no masks.
    remap : from another (3, h, w) image to this variant's (h, w) map of `target`, resized as `map`.
    image_id, seed : what random numbers are drawn from.
    raw : the map as the method gave it, before any resize; None where only `map` is at hand.
    memo : shared by all variants of this image; see `once`.
    """

    image: torch.Tensor
    map: NDArray[np.floating[Any]]
    map01: NDArray[np.floating[Any]]
    target: int
    probabilities: NDArray[np.floating[Any]]
    query: ModelQuery
    boxes: NDArray[np.float64]
    mask: NDArray[np.uint8] | None
    remap: Callable[[torch.Tensor], NDArray[np.floating[Any]]]
    image_id: str
    seed: int
    raw: NDArray[np.floating[Any]] | None = None
    memo: Memo = field(default_factory=dict)

    @property
    def predicted(self) -> int:
        """The class of highest probability; the lowest index wins a tie."""
        return int(np.argmax(self.probabilities))

    @property
    def probability(self) -> float:
        """Probability of `target` on the original image."""
        return float(self.probabilities[self.target])

    def class_of(self, which: Literal["target", "top1"]) -> int:
        """The class a score is taken of: the label's, or the predicted one (RISE: never the label)."""
        return self.target if which == "target" else self.predicted

    def rng(self, salt: str = "") -> np.random.Generator:
        """Random numbers from (run seed, image id, salt): independent of batch, shard and device."""
        digest = hashlib.sha256(f"{self.seed}/{self.image_id}/{salt}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:16], "little"))

    def once(self, key: object, make: Callable[[], V]) -> V:
        """`make()`, computed once for all variants of this image; its forwards are counted once.

        The key must name every option that the value depends on. Unlike a method's cost, a metric's is nobody's column.
        """
        if key not in self.memo:
            before = self.query.cost
            self.memo[key] = (make(), self.query.cost - before)
        return cast(V, self.memo[key][0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number of a table, from the columns of all images.

    Attributes
    ----------
    name : what users type and what json shows, for example ``deletion_auc``; unique in its metric.
    label : the table's head: ``Deletion``.
    of : (columns, weights (r, n)) to (r,): the number under each of r weightings of the n images; NaN where undefined.
        Weights of one give the plain number, counts of a bootstrap draw give that replicate's. Columns hold only images
        that were measured, at least one.
    percent : the number is a fraction that tables multiply by 100.
    higher_is_better : None where neither is.
    column : the column whose mean it is, for paired tests and slices; None for pooled numbers.
    signed : a percentage that may be below 0 or above 100; the intervals of others end there.
    proportion : the column holds 0 and 1 (ties may share a hit), so that Wilson's interval applies.
    """

    name: str
    label: str
    of: Callable[[Mapping[str, Sequence[Any]], NDArray[np.float64]], NDArray[np.float64]]
    percent: bool = False
    higher_is_better: bool | None = True
    column: str | None = None
    proportion: bool = False
    signed: bool = False

    def value(self, columns: Mapping[str, Sequence[Any]]) -> float:
        """The plain number: every image counts once."""
        n = len(next(iter(columns.values())))
        return float(self.of(columns, np.ones((1, n)))[0])


def mean(
    column: str,
    *,
    label: str,
    name: str | None = None,
    percent: bool = False,
    higher_is_better: bool | None = True,
    proportion: bool = False,
    signed: bool = False,
) -> Score:
    """The mean of a column over the images where it is defined."""

    def of(columns: Mapping[str, Sequence[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return weighted_mean(numbers(columns[column]), weights)

    return Score(
        name=name or column,
        label=label,
        of=of,
        percent=percent,
        higher_is_better=higher_is_better,
        column=column,
        proportion=proportion,
        signed=signed,
    )


def numbers(column: Sequence[Any]) -> NDArray[np.float64]:
    """A column of numbers and None as (n,) float64; None becomes NaN."""
    return np.array([np.nan if v is None else v for v in column], dtype=np.float64)


def lists(column: Sequence[Any]) -> NDArray[np.float64]:
    """A column of lists, all of one length, as (n, k) float64."""
    if isinstance(column, np.ndarray):
        return np.asarray(column, np.float64)
    return np.stack([np.asarray(v, dtype=np.float64) for v in column])


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) values under (r, n) weights to (r,) means; NaN values carry no weight, no weight at all gives NaN."""
    defined = ~np.isnan(values)
    total = weights @ defined.astype(np.float64)
    summed = weights @ np.where(defined, values, 0.0)
    out = np.full(len(weights), np.nan)
    out[total > 0] = summed[total > 0] / total[total > 0]
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """What is known of a metric without running it.

    Attributes
    ----------
    needs : ``model`` forwards; ``method`` runs the variant again on another image (`remap`); ``mask``; ``boxes``;
        ``truth`` is a mask or, where there is none, the boxes; ``probabilities`` alone: the map is not looked at.
    about : one sentence for lists.
    cost : forwards for one image and variant, in words.
    """

    key: str
    name: str
    paper: str
    year: int
    needs: frozenset[str]
    about: str
    cost: str = "0"


class Metric(Protocol):
    """A frozen dataclass of options."""

    info: ClassVar[MetricInfo]

    @property
    def scores(self) -> tuple[Score, ...]:
        """The numbers it gives; a class attribute, or a property where they depend on options."""

    def measure(self, case: Case) -> Columns:
        """The columns of one image and variant: always the same names, JSON-able values."""


metrics: Registry[type[Metric]] = Registry("metric", "wsol.metrics")

C = TypeVar("C")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def metric(
    key: str, *, paper: str, year: int, needs: Sequence[Need], about: str, cost: str = "0"
) -> Callable[[type[C]], type[C]]:
    """Register a class as a metric. Its fields become options (`metrics.<key>.<field>=...`); see `MetricInfo`."""

    def register(cls: type[C]) -> type[C]:
        made = dataclass(frozen=True, kw_only=True)(cls)
        made.info = MetricInfo(  # type: ignore[attr-defined]
            key=key, name=cls.__name__, paper=paper, year=year, needs=frozenset(needs), about=about, cost=cost
        )
        metrics.add(key, made)  # type: ignore[arg-type]
        return made

    return register

"""The metrics of a batch: items for all its (variant, image) pairs, measured together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from wsol.datasets.ranks import probabilities_of
from wsol.errors import ConfigError, first_line
from wsol.localization.normalize import normalize
from wsol.localization.resize import resize
from wsol.metrics._base import MetricInput, failed_columns, measure, metrics
from wsol.views import boxes_on_canvas, mask_on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.evaluation.experiment import ChosenMetric, Experiment
    from wsol.evaluation.rows import Group
    from wsol.maps.source import MapSource, RawMaps
    from wsol.methods._variants import Variant
    from wsol.metrics._base import Columns, Metric
    from wsol.models.cost import Memo

PLAIN = (bool, int, float, str, np.bool_, np.integer, np.floating, type(None))  # values of columns, alone or several
LARGEST = 2**63 - 1
ROUNDING = 1e-6  # by which a number may be beyond its bounds


@dataclass(frozen=True, slots=True)
class Measured:
    """Of each pair of a group: its columns, and by metric the first line of what went wrong."""

    columns: Sequence[dict[str, Any]]
    failures: Sequence[dict[str, str]]


def measured(
    experiment: Experiment, source: MapSource, group: Group, maps: RawMaps, memos: dict[int, Memo]
) -> Measured:
    """Every metric that is due, on the images of its sample; `memos` are shared by all groups of a batch."""
    columns: list[dict[str, Any]] = [{} for _ in group.pairs]
    failures: list[dict[str, str]] = [{} for _ in group.pairs]
    for chosen in experiment.metrics:
        if chosen.name not in group.due:
            continue
        places = [
            place
            for place, (_, image) in enumerate(group.pairs)
            if experiment.in_sample(maps.loaded[image].sample.image_id, chosen.sample)
        ]
        needs = chosen.metric.info.needs
        items = [_case(experiment, source, maps, *group.pairs[place], memos, needs) for place in places]
        if _is_outside(chosen.metric):
            items = [_copied(item) for item in items]  # one from outside may write into what it receives
        for place, (values, wrong) in zip(places, _of_items(chosen, items), strict=True):
            columns[place] |= {f"{chosen.name}/{name}": value for name, value in values.items()}
            failures[place] |= {chosen.name: wrong} if wrong else {}
    return Measured(columns, failures)


def _of_items(chosen: ChosenMetric, items: Sequence[MetricInput]) -> list[tuple[Columns, str]]:
    """The columns of each item, and what went wrong; a failed item has the worst value that its numbers can have.

    A metric that raises on a batch is tried on its items one by one, so that the others keep theirs. A number that is
    NaN or infinite is a failure too.
    """
    results: list[tuple[Columns, str]] = [(failed_columns(chosen.metric, item), "") for item in items]
    whole = [n for n, item in enumerate(items) if np.isfinite(item.map).all()]
    try:
        for n, columns in zip(whole, measure(chosen.metric, [items[n] for n in whole]), strict=True):
            results[n] = _finite_or_failed(checked(columns, chosen.metric), results[n][0], chosen.metric)
    except ConfigError:
        raise
    except (Exception, SystemExit):
        for n in whole:
            try:
                columns = checked(measure(chosen.metric, [items[n]])[0], chosen.metric)
                results[n] = _finite_or_failed(columns, results[n][0], chosen.metric)
            except (Exception, SystemExit) as error:
                results[n] = results[n][0], first_line(error)
    return results


def _finite_or_failed(columns: Columns, failed: Columns, metric: Metric) -> tuple[Columns, str]:
    """The columns and no error; or `failed` and the first column with NaN or infinity that a number is of."""
    read = {name for score in metric.scores for name in score.columns or columns}
    for name, value in columns.items():
        if name in read and (odd := _not_finite(value)) is not None:
            return failed, f"column {name!r} is {odd}; give None where an image has no value"
    return columns, ""


def _not_finite(value: Any) -> float | None:
    """The first NaN or infinity in a column's value, one number or several."""
    if not isinstance(value, float | np.floating | list | tuple | np.ndarray):
        return None
    several = np.asarray(value)
    if several.dtype.kind == "O":  # None among them
        several = np.array([one for one in several.flat if isinstance(one, float | np.floating)], np.float64)
    if several.dtype.kind != "f" or np.isfinite(several).all():
        return None
    return float(several[~np.isfinite(several)].flat[0])


def _is_outside(metric: Metric) -> bool:
    """Whether a metric is not the package's own, and may do what no test of ours has seen."""
    return not type(metric).__module__.startswith(f"{metrics.package}.")


def checked(columns: Any, metric: Metric) -> Columns:
    """What a metric returned, if it can be columns of a row; the package's own are known to. Raises ValueError."""
    if not _is_outside(metric):
        return dict(columns)
    key = metric.info.key
    if not isinstance(columns, Mapping):
        raise ValueError(f"{key} returned {type(columns).__name__}; expected columns by name, such as {{'share': 0.5}}")
    for name, value in columns.items():
        several = value if isinstance(value, list | tuple | np.ndarray) else [value]
        wrong = next((one for one in several if not isinstance(one, PLAIN)), None)
        if wrong is not None:
            raise ValueError(f"{key}: column {name!r} holds {type(wrong).__name__}; expected float, int, bool or None")
        if any(isinstance(one, int) and abs(one) > LARGEST for one in several):
            raise ValueError(f"{key}: column {name!r} holds a whole number of more than 64 bits; give a float")
    for score in metric.scores:
        if score.column is None:
            continue
        if score.column not in columns:
            raise ValueError(f"{key} returned no column {score.column!r}, which its number {score.name} is of")
        value = columns[score.column]
        if isinstance(value, str | list | tuple | np.ndarray):
            raise ValueError(
                f"{key}: column {score.column!r} holds {type(value).__name__}; expected one number, or None"
            )
        least, most = score.bounds or (-np.inf, np.inf)
        if value is not None and np.isfinite(value) and not least - ROUNDING <= value <= most + ROUNDING:
            raise ValueError(f"{key}: column {score.column!r} is {value}; {score.name} lies from {least:g} to {most:g}")
    return dict(columns)


def _copied(item: MetricInput) -> MetricInput:
    """The same item, of which nothing is shared with other metrics but what it puts into the memo."""
    arrays = {name: getattr(item, name) for name in ("map", "map01", "probabilities", "boxes", "mask", "raw")}
    copies = {name: array.copy() for name, array in arrays.items() if array is not None}
    return replace(item, image=None if item.image is None else item.image.clone(), **copies)


def _case(
    experiment: Experiment,
    source: MapSource,
    maps: RawMaps,
    variant: Variant,
    image: int,
    memos: dict[int, Memo],
    needs: Collection[str],
) -> MetricInput:
    one, layout = maps.loaded[image], maps.layouts[image]
    side = layout.placements[0].side
    raw = maps.raw(variant, image)
    resized = _to_input(raw, side) if np.isfinite(raw).all() else np.full(side[::-1], np.nan)
    scores = experiment.stored is not None and not experiment.stored.raw
    return MetricInput(
        image=cast("Any", maps.inputs[image] if maps.inputs else None),  # metrics of stored maps use none
        map=resized,
        map01=np.clip(resized, 0, 1) if scores else normalize(resized, rule="minmax"),
        target=one.sample.label,
        probabilities=_probabilities(maps, image, of_class="probabilities" in needs),
        query=cast("Any", source.query),
        boxes=boxes_on_canvas(one.sample.boxes_xyxy, layout, side),
        mask=None if one.mask is None else mask_on_canvas(one.mask, layout, side),
        remap=lambda pixels: _to_input(source.remap(pixels, one.sample, variant), side),
        image_id=one.sample.image_id,
        seed=experiment.seed,
        raw=None if scores else raw,
        memo=memos.setdefault(image, {}),
    )


def _probabilities(maps: RawMaps, image: int, *, of_class: bool) -> NDArray[np.float64]:
    """Of the network behind the maps, which metrics query again; `of_class`: of the one that decides the class."""
    other = of_class and bool(maps.columns)
    logits = maps.class_logits if other else maps.logits
    return probabilities_of(logits(image)) if logits else _known_class(maps, image)


def _known_class(maps: RawMaps, image: int) -> NDArray[np.float64]:
    """Probabilities that say no more than whether the label is the first class; without predictions it is."""
    label = maps.loaded[image].sample.label
    right = not maps.columns or maps.columns[image]["rank"] == 0
    return np.asarray(np.eye(label + 2)[label + (not right)])


def _to_input(raw: NDArray[Any], side: tuple[int, int]) -> NDArray[Any]:
    return resize(np.asarray(raw, np.float64), side, rule="bilinear")

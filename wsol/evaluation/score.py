"""An experiment whose maps somebody else made: files of maps, annotations, and what to measure. Imports no torch."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.errors import ConfigError, unknown
from wsol.grammar import parse

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset, Sample
    from wsol.datasets.predictions import Predictions
    from wsol.evaluation.experiment import ChosenMetric, Experiment
    from wsol.maps.two_stage import SecondNetwork
    from wsol.methods._variants import Variant
    from wsol.protocols._base import Protocol
    from wsol.views import View

log = logging.getLogger(__name__)

NEEDS = {"mask", "truth", "boxes"}  # of metrics that use a map
METRIC_SIDE = 224  # pixels at which maps are compared with masks (Choe et al., 2020)


@dataclass(frozen=True, kw_only=True)
class MapFiles:
    """Maps in files, and how they are to be scored: the options of `wsol score`, which says what each of them means."""

    maps: Path
    annotations: Path | str
    protocol: str
    predictions: Path | None
    classifier: str | None
    images: Path | str | None
    masks: Path | str | None
    normalize: str
    step: float | None
    view: str | None
    shallow: bool
    name: str | None
    threads: int


def experiment_of(asked: MapFiles) -> Experiment:
    """The experiment that measures the maps. Everything that can be refused without reading all maps is refused here.

    Raises
    ------
    WsolError : files that can't be read or don't fit together, a wrong name, a protocol that needs what is missing.
    """
    from wsol.datasets.annotations import read_annotations
    from wsol.datasets.predictions import Predictions
    from wsol.evaluation.experiment import Experiment
    from wsol.localization.normalize import normalize_rules
    from wsol.maps.files import open_maps
    from wsol.maps.stored import StoredMaps, StoredVariant, looks_raw
    from wsol.metrics._base import metrics

    data = read_annotations(asked.annotations, images=asked.images, masks=asked.masks)
    samples = {sample.image_id: sample for sample in data.samples()}
    choice = parse(asked.protocol)
    preset, changes = choice.name, choice.options
    measured = (_metric(preset, changes, asked, samples),) if preset in metrics else ()
    protocols = () if measured else (_protocol(preset, asked, samples),)
    view = _view_of(asked, protocols)
    frame_wh = partial(_frame_wh, protocol=protocols[0] if protocols else None, side=view.side)
    maps = open_maps(asked.maps)
    names = maps.of(list(samples))
    classes = _classes(asked, data, view)
    predictions = classes if isinstance(classes, Predictions) else None
    raw = asked.normalize == "always"
    if asked.normalize == "auto":
        raw, reason = looks_raw(maps, names, list(samples.values()), frame_wh)
        if "normalise" in changes or any(normalize_rules[p.normalise].knobs for p in protocols):
            raw, reason = True, "the protocol's name says how"
        done = "resized and normalized by the protocol" if raw else "taken as they are, not normalized again"
        log.info("maps are %s: %s (--normalize always or never settles it)", done, reason)
    if view.cropped:
        log.info("maps are taken to cover the %s crop of their images (--view squash: the whole image)", view.name)
    stored = StoredMaps(
        label=_label(asked.name or asked.maps.resolve().stem),
        dataset=data,
        files=maps,
        names=names,
        frame_wh=frame_wh,
        raw=raw,
        settled=asked.normalize == "auto",
        shallow=asked.shallow,
        with_images=asked.images is not None,
        predictions=predictions,
    )
    # scores go through under the protocol's own name, without another normalization
    applied = protocols if raw else tuple(dataclasses.replace(p, normalise="none") for p in protocols)
    return Experiment(
        dataset=data,
        classifier=None,
        stored=stored,
        classes=None if isinstance(classes, Predictions) else classes,
        variants=(cast("Variant", StoredVariant(stored.label)),),  # its class would import torch
        protocols=applied,
        metrics=measured,
        view=view,
        threads=asked.threads,
        gallery=0,
    )


def _classes(asked: MapFiles, data: Dataset, view: View) -> Predictions | SecondNetwork | None:
    """What says which class an image is of: a file, or a network, for which torch is imported."""
    from wsol.evaluation.two_stage import classes_of_file, is_file

    if asked.classifier is None and asked.predictions is None:
        return None
    if asked.classifier is not None and asked.predictions is not None:
        raise ConfigError("--classifier and --predictions both say which class an image is of; give one of them")
    text = str(asked.classifier or asked.predictions)
    if asked.predictions is not None or is_file(text):
        return classes_of_file(text, data)
    if asked.images is None:
        raise ConfigError(f"--classifier {text} is a network, which needs the pixels: give --images DIR")
    from wsol.evaluation.build import classes_of
    from wsol.evaluation.device import engine_of

    return classes_of(text, data, engine_of({}), view={"name": view.name})


def _frame_wh(sample: Sample, *, protocol: Protocol | None, side: int) -> tuple[int, int]:
    """The size at which a map is scored."""
    from wsol.localization.frame import space_rules

    return space_rules["square" if protocol is None else protocol.space].size_wh(sample.size_wh, side)


def _protocol(preset: str, asked: MapFiles, samples: Mapping[str, Sample]) -> Protocol:
    """The protocol that a name stands for, with --step."""
    from wsol.datasets.checks import check_boxes
    from wsol.localization.quantize import quantize_rules
    from wsol.localization.refine import refines
    from wsol.metrics._base import metrics
    from wsol.protocols._base import named, protocols

    if preset not in protocols:
        raise unknown("protocol or metric", preset, [*protocols, *metrics], see="wsol list protocols")
    protocol = named(asked.protocol)
    if asked.step is not None:
        if protocol.tau != "sweep" or quantize_rules[protocol.quantise].levels is None:
            why = "is not quantized" if protocol.tau == "sweep" else f"has its own threshold, tau={protocol.tau}"
            raise ConfigError(f"--step {asked.step:g} changes nothing: protocol {protocol.name} {why}")
        protocol = protocol.derive({"tau_step": asked.step})
    if refines(protocol, shallow=asked.shallow) and asked.images is None:
        raise ConfigError(
            f"protocol {protocol.name} refines maps by a graph cut and needs the pixels: give --images DIR"
        )
    check_boxes(list(samples.values()), asked.annotations, masks="for masks use --protocol pxap")
    return protocol


def _view_of(asked: MapFiles, protocols: Sequence[Protocol]) -> View:
    """What maps cover: what --view says, else what the protocol crops."""
    from wsol.views import view_named

    side = protocols[0].side if protocols else METRIC_SIDE
    if asked.view:
        return view_named(asked.view, side)
    named = protocols[0].view if protocols else "any"
    covered = None if named == "any" else view_named(named, side)
    return covered if covered and covered.cropped else view_named("squash", side)


def _metric(key: str, changes: Mapping[str, Any], asked: MapFiles, samples: Mapping[str, Sample]) -> ChosenMetric:
    from wsol.datasets.checks import check_boxes
    from wsol.evaluation.experiment import ChosenMetric
    from wsol.metrics._base import metrics
    from wsol.metrics._common.truth import against_boxes
    from wsol.options import build, defaults

    cls = metrics[key]
    if "probabilities" in cls.info.needs and _able(cls.info.needs) and not (asked.predictions or asked.classifier):
        raise ConfigError(f"metric {key} needs to know whether the network was right: give --predictions FILE")
    if not _able(cls.info.needs):
        able = ", ".join(k for k, m in metrics.items() if _able(m.info.needs))
        raise ConfigError(f"metric {key} queries the network, which maps from files don't have; there are {able}")
    options = {**changes, **({} if asked.step is None else {"step": asked.step})}
    made = build(cls, options, where=f"metrics.{key}")
    if against_boxes(made):
        other = f"{key}[against=mask]" if made.info.against else "pxap"
        check_boxes(list(samples.values()), asked.annotations, masks=f"for masks use --protocol {other}")
    plain = defaults(cls)
    label = ",".join(f"{k}={v}" for k, v in sorted(options.items()) if v != plain[k])
    return ChosenMetric(name=f"{key}[{label}]" if label else key, metric=made)


def _able(needs: frozenset[str]) -> bool:
    """Whether a metric can do without the network: it looks at the map, and of the network only at the class."""
    return bool(needs & NEEDS) and needs <= {*NEEDS, "probabilities"}


def _label(name: str) -> str:
    """A name that can be part of a folder's."""
    return re.sub(r"[^\w.+=@]+", "_", name).strip("_.") or "maps"

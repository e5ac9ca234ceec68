"""`wsol score`: the numbers of maps that somebody else made. Imports no torch."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.cli.options import Command, number
from wsol.errors import ConfigError, DataError, unknown
from wsol.grammar import parse
from wsol.options import Step, Threads
from wsol.report.tables.render import check_format

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset, Sample
    from wsol.datasets.predictions import Predictions
    from wsol.evaluation.experiment import ChosenMetric, Experiment
    from wsol.maps.two_stage import SecondNetwork
    from wsol.methods._variants import Variant
    from wsol.protocols._base import Protocol
    from wsol.report.numbers.summary import Summary
    from wsol.runs.folder import RunFolder
    from wsol.views import View

log = logging.getLogger(__name__)

DESCRIPTION = """Score maps that somebody else made: boxes by a protocol, or pixels against masks by a metric.

  wsol score --maps scoremaps/ --annotations metadata/ILSVRC/test --protocol choe2020_v2
  wsol score --maps maps.npz --annotations instances.json --protocol exact --predictions top5.csv --json
  wsol score --maps maps/ --annotations metadata/OpenImages/test --masks OpenImages/ --protocol pxap

MAPS are .npy files named by image id in a folder (val2/0/0.jpeg.npy, or without the extension: val2/0/0.npy), one .npz
or one .safetensors with image ids as keys; (h, w), of any float or whole-number type (8-bit levels are read as 0 to 1).
ANNOTATIONS are whatever dataset=PATH reads: a wsolevaluation metadata folder, a COCO .json, a .csv with
image_id,width,height,label,x0,y0,x1,y1, a tree such as VOC's; for metrics also a .npz of masks (0, 1, 255 ignore). A
map is of the label's class. Every image needs a map, every map an image. Images are not needed, but for protocols that
refine by a graph cut.

What is done with a map (--normalize):
  auto    as they are, without another normalization, if the first 64 maps by id have the size they are scored at (224 x
          224 for choe2020; the image's for protocols in original pixels), are within [0, 1] and one of them reaches
          0.5: such maps are what the published evaluators take. Otherwise resized and normalized by the protocol.
          It is decided once for all maps, logged, and a later map that doesn't fit the decision is refused.
          A protocol whose name says how to normalize, choe2020_v2[normalize=max], does so.
  always  resized and normalized by the protocol, whatever they look like
  never   as they are; resized if need be, values must be within [0, 1]

Held-out thresholds: score the maps of the other split under the same --name first, then these with --tau val:RUN.

A map that is not square must have the image's proportions, to within one cell of its grid.
"""
NEEDS = {"mask", "truth", "boxes"}  # of metrics that use a map
METRIC_SIDE = 224  # pixels at which maps are compared with masks (Choe et al., 2020)


def main(words: Sequence[str]) -> int:
    """Score maps, keep their rows as a run, print the numbers."""
    parser = Command("score", DESCRIPTION, reads=True).with_intervals().with_format()
    parser.add_argument("--maps", type=Path, required=True, help="see above")
    parser.add_argument("--annotations", type=Path, required=True, help="see above")
    parser.add_argument("--protocol", required=True, help="a protocol, derived ones too, or a metric such as pxap")
    parser.add_argument(
        "--predictions",
        type=Path,
        help="CSV: image_id,top1[,top2..top5] (names or numbers), image_id,rank|correct, or logits image_id,0,1,2,...; "
        "or a .npz of logits",
    )
    parser.add_argument(
        "--classifier", help="the same, or a network NAME[weights=FILE,view=centre] that classifies the --images"
    )
    parser.add_argument("--images", type=Path, help="folder of the images: checks their sizes; for graph cuts")
    parser.add_argument("--masks", type=Path, help="folder of the mask files that wsolevaluation metadata list")
    parser.add_argument(
        "--normalize", "--normalise", choices=("auto", "always", "never"), default="auto", help="see above"
    )
    parser.add_argument("--step", type=number(Step), help="distance of the swept thresholds (0.01; default 0.001)")
    parser.add_argument("--view", help="what maps cover: squash (the whole image), centre, squash_centre")
    parser.add_argument("--shallow", action="store_true", help="maps are of shallow layers, which layercam2021 refines")
    parser.add_argument("--name", help="what tables call these maps (default: the name of --maps)")
    parser.add_argument("--threads", type=number(Threads), default=os.cpu_count() or 1, help="maps at a time")
    parser.add_argument("--tau", default="oracle", help="where swept thresholds come from: oracle, split-half, val:RUN")
    chosen = parser.read(words)
    summary, folder, experiment, failed = score(chosen)
    check_format(chosen.style)
    if chosen.style == "json":
        json.dump(as_object(summary, folder, experiment, n_resamples=chosen.resamples), sys.stdout, indent=1)
        print()
    else:
        from wsol.report.tables.show import show

        show([summary], sys.stdout, style=chosen.style)
    return int(failed)


def score(chosen: argparse.Namespace) -> tuple[Summary, RunFolder, Experiment, bool]:
    """Rows on disk, their summary, and whether some maps could not be measured."""
    from wsol.datasets.annotations import read_annotations
    from wsol.environment import versions
    from wsol.evaluation.engines import run_local
    from wsol.report.numbers.summary import summarize
    from wsol.report.numbers.thresholds import settings_of
    from wsol.runs.folder import RunFolder
    from wsol.runs.knobs import check_knobs

    data = read_annotations(chosen.annotations, images=chosen.images, masks=chosen.masks)
    experiment = _experiment(chosen, data)
    folder = RunFolder(chosen.runs / experiment.folder_name)
    check_knobs({p.name: p.knobs for p in experiment.protocols}, folder.footers(), where=folder.path)
    folder.write_manifest(experiment.manifest(versions()))
    run_local(experiment, folder)
    folder.write_manifest(experiment.manifest(versions()))  # the newest finished run is `latest`
    log.info("rows: %s", folder.path)
    only = {measure for _, measure in experiment.work} | {"classification"}
    settings = settings_of([chosen.tau], chosen.runs, n_resamples=chosen.resamples)
    failed = bool(folder.failed(experiment.work))
    return summarize(folder, measures=only, settings=settings), folder, experiment, failed


def _experiment(chosen: argparse.Namespace, data: Dataset) -> Experiment:
    """Everything that can be refused without reading all maps is refused here."""
    from wsol.datasets.predictions import Predictions
    from wsol.evaluation.experiment import Experiment
    from wsol.localization.normalize import normalize_rules
    from wsol.maps.files import open_maps
    from wsol.maps.stored import StoredMaps, StoredVariant, looks_raw
    from wsol.metrics._base import metrics

    samples = {sample.image_id: sample for sample in data.samples()}
    choice = parse(chosen.protocol)
    preset, changes = choice.name, choice.options
    measured = (_metric(preset, changes, chosen, samples),) if preset in metrics else ()
    protocols = () if measured else (_protocol(preset, chosen, samples),)
    view = _view_of(chosen, protocols)
    frame_wh = partial(_frame_wh, protocol=protocols[0] if protocols else None, side=view.side)
    maps = open_maps(chosen.maps)
    names = maps.of(list(samples))
    classes = _classes(chosen, data, view)
    predictions = classes if isinstance(classes, Predictions) else None
    raw = chosen.normalize == "always"
    if chosen.normalize == "auto":
        raw, reason = looks_raw(maps, names, list(samples.values()), frame_wh)
        if "normalise" in changes or any(normalize_rules[p.normalise].knobs for p in protocols):
            raw, reason = True, "the protocol's name says how"
        done = "resized and normalized by the protocol" if raw else "taken as they are, not normalized again"
        log.info("maps are %s: %s (--normalize always or never settles it)", done, reason)
    if view.cropped:
        log.info("maps are taken to cover the %s crop of their images (--view squash: the whole image)", view.name)
    stored = StoredMaps(
        label=_label(chosen.name or chosen.maps.resolve().stem),
        dataset=data,
        files=maps,
        names=names,
        frame_wh=frame_wh,
        raw=raw,
        settled=chosen.normalize == "auto",
        shallow=chosen.shallow,
        with_images=chosen.images is not None,
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
        threads=chosen.threads,
        gallery=0,
    )


def _classes(chosen: argparse.Namespace, data: Dataset, view: View) -> Predictions | SecondNetwork | None:
    """What says which class an image is of: a file, or a network, for which torch is imported."""
    from wsol.evaluation.two_stage import classes_of_file, is_file

    if chosen.classifier is None and chosen.predictions is None:
        return None
    if chosen.classifier is not None and chosen.predictions is not None:
        raise ConfigError("--classifier and --predictions both say which class an image is of; give one of them")
    text = str(chosen.classifier or chosen.predictions)
    if chosen.predictions is not None or is_file(text):
        return classes_of_file(text, data)
    if chosen.images is None:
        raise ConfigError(f"--classifier {text} is a network, which needs the pixels: give --images DIR")
    from wsol.evaluation.build import classes_of
    from wsol.evaluation.device import engine_of

    return classes_of(text, data, engine_of({}), view={"name": view.name})


def _frame_wh(sample: Sample, *, protocol: Protocol | None, side: int) -> tuple[int, int]:
    """The size at which a map is scored."""
    from wsol.localization.frame import space_rules

    return space_rules["square" if protocol is None else protocol.space].size_wh(sample.size_wh, side)


def _protocol(preset: str, chosen: argparse.Namespace, samples: Mapping[str, Sample]) -> Protocol:
    """The protocol that a name stands for, with --step."""
    from wsol.datasets.checks import check_boxes
    from wsol.localization.quantize import quantize_rules
    from wsol.localization.refine import refines
    from wsol.metrics._base import metrics
    from wsol.protocols._base import named, protocols

    if preset not in protocols:
        raise unknown("protocol or metric", preset, [*protocols, *metrics], see="wsol list protocols")
    protocol = named(chosen.protocol)
    if chosen.step is not None:
        if protocol.tau != "sweep" or quantize_rules[protocol.quantise].levels is None:
            why = "is not quantized" if protocol.tau == "sweep" else f"has its own threshold, tau={protocol.tau}"
            raise ConfigError(f"--step {chosen.step:g} changes nothing: protocol {protocol.name} {why}")
        protocol = protocol.derive({"tau_step": chosen.step})
    if refines(protocol, shallow=chosen.shallow) and chosen.images is None:
        raise ConfigError(
            f"protocol {protocol.name} refines maps by a graph cut and needs the pixels: give --images DIR"
        )
    check_boxes(list(samples.values()), chosen.annotations, masks="for masks use --protocol pxap")
    return protocol


def _view_of(chosen: argparse.Namespace, protocols: Sequence[Protocol]) -> View:
    """What maps cover: what --view says, else what the protocol crops."""
    from wsol.views import view_named

    side = protocols[0].side if protocols else METRIC_SIDE
    if chosen.view:
        return view_named(chosen.view, side)
    named = protocols[0].view if protocols else "any"
    covered = None if named == "any" else view_named(named, side)
    return covered if covered and covered.cropped else view_named("squash", side)


def _metric(
    key: str, changes: Mapping[str, Any], chosen: argparse.Namespace, samples: Mapping[str, Sample]
) -> ChosenMetric:
    from wsol.datasets.checks import check_boxes
    from wsol.evaluation.experiment import ChosenMetric
    from wsol.metrics._base import metrics
    from wsol.metrics._common.truth import against_boxes
    from wsol.options import build, defaults

    cls = metrics[key]
    if "probabilities" in cls.info.needs and _able(cls.info.needs) and not (chosen.predictions or chosen.classifier):
        raise ConfigError(f"metric {key} needs to know whether the network was right: give --predictions FILE")
    if not _able(cls.info.needs):
        able = ", ".join(k for k, m in metrics.items() if _able(m.info.needs))
        raise ConfigError(f"metric {key} queries the network, which maps from files don't have; there are {able}")
    options = {**changes, **({} if chosen.step is None else {"step": chosen.step})}
    made = build(cls, options, where=f"metrics.{key}")
    if against_boxes(made):
        other = f"{key}[against=mask]" if made.info.against else "pxap"
        check_boxes(list(samples.values()), chosen.annotations, masks=f"for masks use --protocol {other}")
    plain = defaults(cls)
    label = ",".join(f"{k}={v}" for k, v in sorted(options.items()) if v != plain[k])
    return ChosenMetric(name=f"{key}[{label}]" if label else key, metric=made)


def _able(needs: frozenset[str]) -> bool:
    """Whether a metric can do without the network: it looks at the map, and of the network only at the class."""
    return bool(needs & NEEDS) and needs <= {*NEEDS, "probabilities"}


def _label(name: str) -> str:
    """A name that can be part of a folder's."""
    return re.sub(r"[^\w.+=@]+", "_", name).strip("_.") or "maps"


def as_object(summary: Summary, folder: RunFolder, experiment: Experiment, *, n_resamples: int) -> dict[str, Any]:
    """``{protocol, n, metrics: {name: {value, low, high}}}``, percentages from 0 to 100.

    ``top1_loc`` and ``top5_loc`` are at the threshold of ``gt_known_loc``; ``top1_loc_max`` and ``top5_loc_max`` have
    each their own best one, as some codes report them.
    """
    records = {record["metric"]: record for record in summary.records()}
    measure = next(name for _, name in experiment.work)
    if not records:
        raise DataError(f"{measure} has no value for any of the {len(experiment.samples)} images")
    numbers = {name: {key: record[key] for key in ("value", "low", "high")} for name, record in records.items()}
    n = max(record["n"] for record in records.values())
    return {"protocol": measure, "n": n, "metrics": numbers | _own_maxima(folder, experiment, n_resamples)}


def _own_maxima(folder: RunFolder, experiment: Experiment, n_resamples: int) -> dict[str, dict[str, float]]:
    """Top-1 and Top-5 Loc maximized over thresholds on their own."""
    from wsol.report.numbers.rows import curves_of, numbers, rank_depth
    from wsol.stats.bootstrap import draw_best
    from wsol.stats.resamples import Resamples

    stored, protocols = experiment.stored, experiment.protocols
    known = experiment.classes is not None or (stored is not None and stored.predictions is not None)
    if stored is None or not known or not protocols or protocols[0].tau != "sweep":
        return {}
    info = folder.about().protocols[protocols[0].name]
    rows = folder.tables()[stored.label]
    curves, ranks = curves_of(rows, info), numbers(rows, "rank")
    maxima = {}
    for top in (1, 5):
        if top <= rank_depth(rows):
            hits = curves.where(ranks < top)
            best = draw_best(hits, 0.5, Resamples(hits.n, n_resamples, 0), ge=info.knobs["hit"] == "ge")["maxboxacc"]
            estimate = best.estimate()
            ends = {name: 100 * getattr(estimate, name) for name in ("value", "low", "high")}
            maxima[f"top{top}_loc_max"] = ends
    return maxima

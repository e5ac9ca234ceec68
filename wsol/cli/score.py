"""`wsol score`: the numbers of maps that somebody else made. Imports no torch."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.cli.options import Command, number
from wsol.datasets.paths import path_or_url
from wsol.errors import DataError
from wsol.options import Step, Threads
from wsol.report.tables.render import check_format

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.report.numbers.summary import Summary
    from wsol.runs.folder import RunFolder

log = logging.getLogger(__name__)

DESCRIPTION = """Score maps that somebody else made: boxes by a protocol, or pixels against masks by a metric.

  wsol score --maps scoremaps/ --annotations metadata/ILSVRC/test --protocol choe2020_v2
  wsol score --maps maps.npz --annotations instances.json --protocol exact --predictions top5.csv --json
  wsol score --maps maps/ --annotations metadata/OpenImages/test --masks OpenImages/ --protocol pxap

MAPS are .npy files named by image id in a folder (val2/0/0.jpeg.npy, or without the extension: val2/0/0.npy), one .npz
or one .safetensors with image ids as keys; (h, w), of any float or whole-number type (8-bit levels are read as 0 to 1).
ANNOTATIONS are whatever dataset=PATH reads: a wsolevaluation metadata folder, a COCO .json, a .csv with
image_id,width,height,label,x0,y0,x1,y1, a tree such as VOC's; for metrics also a .npz of masks (0, 1, 255 ignore). A
map is of the label's class. Every image needs a map, and every map an image. Images are not needed, but for protocols
that refine by a graph cut.

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


def main(words: Sequence[str]) -> int:
    """Score maps, keep their rows as a run, print the numbers."""
    parser = Command("score", DESCRIPTION, reads=True).with_intervals().with_format()
    parser.add_argument("--maps", type=Path, required=True, help="see above")
    parser.add_argument("--annotations", type=path_or_url, required=True, help="see above")
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
    parser.add_argument("--images", type=path_or_url, help="where the images are: checks their sizes; for graph cuts")
    parser.add_argument("--masks", type=path_or_url, help="where the mask files are that wsolevaluation metadata list")
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
    from wsol.environment import versions
    from wsol.evaluation.engines import run_local
    from wsol.evaluation.score import MapFiles, experiment_of
    from wsol.report.numbers.summary import summarize
    from wsol.report.numbers.thresholds import settings_of
    from wsol.runs.folder import RunFolder
    from wsol.runs.knobs import check_knobs

    experiment = experiment_of(MapFiles(**{f.name: getattr(chosen, f.name) for f in dataclasses.fields(MapFiles)}))
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

"""The result file of a run, from its rows and its manifest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wsol.report.export.result_file import (
    MEASURE,
    VARIANT,
    VERSION,
    Bound,
    Commands,
    Data,
    Interval,
    Network,
    QuantityInfo,
    ResultFile,
    Row,
    Variant,
)
from wsol.report.numbers.lines import Key, Line, lines_of
from wsol.report.numbers.reachable import SUFFIX, where_reachable
from wsol.report.numbers.records import finite
from wsol.report.numbers.summary import Settings, Summary, summarize
from wsol.runs.arrays import chosen, is_known
from wsol.runs.checksum import checksum

if TYPE_CHECKING:
    from wsol.report.numbers.quantity import Cell
    from wsol.runs.folder import RunFolder

OF_IMAGE = ("image_id", "label", "width", "height", "gt_boxes")
CLASSIFICATION = ("rank", "rank_depth")
READ = (*OF_IMAGE, *CLASSIFICATION, "sample_digest")
NOTHING_NEEDED = ("embedded", "random", "none")  # beginnings of the names of weights that come with the package
NO_COMMAND = "no command is known: the run was not made by wsol run of this version"


def result_of(folder: RunFolder, settings: Settings | None = None) -> ResultFile:
    """Every number of a run, with floor, ceiling and the fingerprint of its rows.

    Raises
    ------
    DataError : there are no rows.
    """
    settings = settings or Settings()
    summary = summarize(folder, settings=settings)
    lines = where_reachable(lines_of([summary]))
    tables = folder.tables(columns=lambda name: name in {"variant", *READ} or "/" in name)
    prints = _Fingerprints({key: table.sort_by("image_id") for key, table in tables.items()})
    rows = [row for line in lines if line.about for row in _rows(line, line.about.key, lines, prints)]
    quantities = {
        (cell.measure, cell.metric): QuantityInfo(
            measure=cell.measure,
            key=cell.metric,
            label=cell.label,
            unit=cell.quantity.unit,
            higher_is_better=cell.higher_is_better,
            headline=cell.quantity.headline,
            main=cell.quantity.main,
        )
        for cell in summary.cells
    }
    manifest = summary.manifest
    return ResultFile(
        schema="wsol-result",
        version=VERSION,
        suite=str(manifest.get("versions", {}).get("wsol", "unknown")),
        run=folder.name,
        data=Data(
            name=summary.info.dataset,
            split=summary.info.split,
            images=summary.evaluated,
            fingerprint=prints.images(),
        ),
        network=_network(summary),
        seed=summary.info.seed,
        resamples=settings.n_resamples,
        commands=_commands(summary),
        versions={name: str(version) for name, version in manifest.get("versions", {}).items()},
        protocols={name: protocol.preset or name for name, protocol in summary.protocols.items()},
        metrics={name: metric.key for name, metric in summary.metrics.items()},
        quantities=tuple(quantities.values()),
        variants={key: _variant(summary, key) for key in summary.variants},
        rows=tuple(rows),
    )


class _Fingerprints:
    """Digests of rows by variant and measure; `tables` are sorted by image, so that shards make no difference."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self.tables = tables
        self.known: dict[tuple[str, str], str] = {}

    def of(self, variant: str, measure: str) -> str:
        """16 hex digits over what the measure stored of each image that it was measured on."""
        if (variant, measure) not in self.known:
            table = self.tables[variant]
            own = [name for name in table.column_names if name.startswith(f"{measure}/")]
            own = own or [name for name in CLASSIFICATION if name in table.column_names]
            measured = np.any([is_known(table[name]) for name in own], axis=0)
            self.known[variant, measure] = checksum(chosen(table.select([*OF_IMAGE, *own]), measured))
        return self.known[variant, measure]

    def images(self) -> str:
        """16 hex digits over all images of the run, and what their files are known by."""
        most = max(self.tables.values(), key=len)
        names = [name for name in (*OF_IMAGE, "sample_digest") if name in most.column_names]
        return checksum(most.select(names))


def _rows(line: Line, variant: str, lines: Sequence[Line], prints: _Fingerprints) -> Iterable[Row]:
    for key, cell in line.cells.items():
        if key[1].endswith(SUFFIX):
            continue
        share = line.cells.get((key[0], key[1] + SUFFIX, key[2]))
        yield Row(
            variant=variant,
            measure=cell.measure,
            quantity=cell.metric,
            value=finite(cell.value),
            low=finite(cell.low),
            high=finite(cell.high),
            n=cell.n,
            fingerprint=prints.of(variant, cell.measure),
            failed=cell.failed,
            tau=tuple(float(tau) for tau in cell.tau),
            tau_from=cell.tau_source,
            floor=None if line.control else _floor(lines, key, cell),
            ceiling=None if line.ceiling else _ceiling(lines, line, key, cell),
            of_reachable=_interval(share) if share is not None else None,
        )


def _floor(lines: Sequence[Line], key: Key, cell: Cell) -> Bound | None:
    """The best control on the same images; none where neither higher nor lower is better."""
    if cell.higher_is_better is None:
        return None
    controls = [(line, line.cells[key]) for line in lines if _role(line) == "control" and key in line.cells]
    known = [(line, other) for line, other in controls if other.images == cell.images and math.isfinite(other.value)]
    if not known:
        return None
    pick = max if cell.higher_is_better else min
    best, number = pick(known, key=lambda one: one[1].value)
    return _bound(best, number)


def _ceiling(lines: Sequence[Line], line: Line, key: Key, cell: Cell) -> Bound | None:
    """The ceiling of the same layers on the same images, for accuracies of localization."""
    if cell.quantity.reduction != "hits" or not line.fields.get("layers"):
        return None
    for other in lines:
        top = other.cells.get(key)
        same = other.fields.get("layers") == line.fields.get("layers")
        if other.ceiling and same and top is not None and top.images == cell.images and math.isfinite(top.value):
            return _bound(other, top)
    return None


def _bound(line: Line, cell: Cell) -> Bound | None:
    return Bound(variant=line.about.key, value=cell.value) if line.about is not None else None


def _role(line: Line) -> str:
    return line.about.role if line.about is not None else ""


def _interval(cell: Cell) -> Interval:
    return Interval(value=cell.value, low=finite(cell.low), high=finite(cell.high))


def _variant(summary: Summary, key: str) -> Variant:
    about, costs = summary.variants[key], summary.costs[key]
    return Variant(
        id=about.id,
        method=about.method,
        paper_name=about.name,
        layers=about.layers,
        role=about.role,
        same_as=summary.same.get(key, ""),
        forwards=finite(costs["forwards"] + costs["partial_forwards"]),
        backwards=finite(costs["backwards"]),
        ms=finite(costs["ms"]),
    )


def _network(summary: Summary) -> Network:
    info, identity = summary.info, summary.manifest.get("identity", {})
    return Network(
        name=info.network,
        weights=info.weights,
        digest=str(identity.get("weights", "")),
        classifier=info.classifier,
        view=f"{info.view}{info.side or ''}",
        device=info.device,
        precision=info.precision,
    )


def _commands(summary: Summary) -> Commands:
    recompute: Mapping[str, Any] = summary.manifest.get("recompute", {})
    words = [str(word) for word in recompute.get("words", ())]
    if not words:
        return Commands(protocol=(), metric=(), needs=(NO_COMMAND,))
    base = ("wsol", "run", *words, f"method=[{VARIANT}]")
    weights = summary.info.weights
    downloads = [] if weights.startswith(NOTHING_NEEDED) else [f"weights {weights}"]
    return Commands(
        protocol=(*base, f"protocol=[{MEASURE}]", "metric=[]", "gallery=0"),
        metric=(*base, "protocol=[]", f"metric=[{MEASURE}]", "gallery=0"),
        needs=(*map(str, recompute.get("files", ())), *downloads),
    )

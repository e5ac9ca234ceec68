"""Published tables as data, and ours beside them: value, interval, difference, inside or outside the tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wsol.environment import benchmarks_dir
from wsol.errors import ConfigError, unknown
from wsol.report.numbers.paired import apart
from wsol.report.numbers.quantity import Cell
from wsol.report.tables.table import BEST, Column, Entry, Table, words
from wsol.report.tables.text import interval, number

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there
ROUNDING = 1e-9  # a difference that is the tolerance is inside
SHOWN = ("dataset", "split", "architecture", "method", "layers", "setting", "metric")  # of a cell's row, in this order


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One number as it was printed, and how ours is computed; benchmarks/README.md says what the fields mean."""

    id: str
    row: Mapping[str, str]
    overrides: tuple[str, ...]
    protocol: str | None
    metric: str | None
    published: float | None
    unit: str
    kind: str
    tolerance: float | None
    source: str
    certainty: str | None
    n: int | None = None
    train: tuple[str, ...] = ()
    note: str = ""
    baseline: str | None = None

    @property
    def work(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What computes it: the words of `wsol run`, and those of `wsol train` that make its network's weights."""
        return self.overrides, self.train


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One paper's table."""

    name: str
    paper: str
    title: str
    venue: str
    note: str
    needs: Mapping[str, Any]
    cells: tuple[Published, ...]

    @property
    def checkpoint(self) -> str | None:
        """What ``model.weights`` must be: a name; ``FILE``, the user's; None where the network's default serves."""
        checkpoint: str | None = self.needs.get("checkpoint")
        return checkpoint

    def chosen(self, patterns: Sequence[str]) -> tuple[Published, ...]:
        """The cells whose id has one of the patterns in it; all without a pattern."""
        cells = tuple(c for c in self.cells if not patterns or any(p in c.id for p in patterns))
        if not cells:
            raise unknown(f"cell of {self.name}", ", ".join(patterns), [cell.id for cell in self.cells])
        return cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Our number in the unit and kind of the published one, or why there is none."""

    cell: Published
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """Ours minus published."""
        if self.value is None or self.cell.published is None:
            return None
        return self.value - self.cell.published

    @property
    def verdict(self) -> str:
        """``inside``, ``outside``, ``not run``, or nothing where no number was published to compare with."""
        if self.value is None:
            return "not run" if self.cell.overrides else ""
        if self.difference is None or self.cell.tolerance is None:
            return ""
        return "inside" if abs(self.difference) <= self.cell.tolerance + ROUNDING else "outside"

    def record(self) -> dict[str, Any]:
        """As a plain object."""
        names = ("id", "row", "published", "unit", "kind", "tolerance", "source", "certainty")
        record = {name: getattr(self.cell, name) for name in names}
        record |= {"ours": self.value, "low": self.low, "high": self.high, "n": self.n}
        return record | {
            "difference": self.difference,
            "verdict": self.verdict,
            "reason": self.reason or self.cell.note,
        }


def benchmark_names() -> list[str]:
    """The tables in benchmarks/."""
    return sorted(path.stem for path in benchmarks_dir().glob("*.yaml"))


def load_benchmark(name: str) -> Benchmark:
    """A file of benchmarks/, by path or by name (``choe2020``). Raises ConfigError for one that can't be read."""
    known = {path.stem: path for path in benchmarks_dir().glob("*.yaml")}
    path = Path(name)
    if not path.is_file():
        if path.stem not in known:
            raise unknown("benchmark", name, known)
        path = known[path.stem]
    try:
        node = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
        cells = tuple(_cell(cell) for cell in node["cells"])
        texts = {key: str(node.get(key, "")) for key in ("paper", "title", "venue", "note")}
        return Benchmark(name=path.stem, needs=node.get("needs", {}), cells=cells, **texts)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, OSError, RecursionError) as error:
        raise ConfigError(f"{path} is not a table of published numbers ({error}); see benchmarks/README.md") from error


def needed(benchmark: Benchmark) -> list[str]:
    """What a user must have, as sentences."""
    texts = {name: benchmark.needs.get(name) for name in ("dataset", "model", "weights", "data")}
    return [f"{benchmark.name} needs {name}: {text}." for name, text in texts.items() if text]


def ours_from(cell: Published, cells: Mapping[str, Cell]) -> Ours:
    """Our number for a published cell; `cells` are ours by the published cell's id, its baseline's too."""
    mine = cells.get(cell.id)
    if mine is None:
        return Ours(cell=cell, reason=f"no {cell.metric} under {cell.protocol} in its rows")
    value, low, high = mine.value, mine.low, mine.high
    if cell.kind == "difference":
        base = cells.get(str(cell.baseline))
        pair = apart(mine, base)
        if base is None or pair is None:
            return Ours(cell=cell, reason=f"its baseline {cell.baseline} has not run on the same images")
        value, low, high = pair[0].value, pair[0].low, pair[0].high
    elif cell.kind == "error":
        value, low, high = (100.0 if mine.percent else 1.0) - value, *_mirrored(mine)
    scale = _scale(cell.unit, percent=mine.percent)
    return Ours(cell=cell, value=scale * value, low=scale * low, high=scale * high, n=mine.n)


def reproduction_table(results: Sequence[Ours], benchmark: Benchmark, *, changes: Sequence[str] | None = None) -> Table:
    """Published and ours, one row per cell; what all cells share is said below.

    `changes` are the settings that were changed; None where all are as published.
    """
    fields = [name for name in SHOWN if len({str(result.cell.row.get(name, "")) for result in results}) > 1]
    columns = [Column(name, numeric=False) for name in fields or ["cell"]]
    columns += [Column(name, drop=name == "tolerance") for name in ("published", "ours", "difference", "tolerance")]
    columns.append(Column("verdict", "", numeric=False))
    rows = []
    for result in results:
        digits = 4 if result.cell.unit == "fraction" else 2
        ends = "" if result.low is None or result.high is None else f" {interval(result.low, result.high, digits)}"
        number_and_ends = Entry(_shown(result.value, digits) + ends, result.value, result.low, result.high)
        within = "" if result.cell.tolerance is None else f"±{result.cell.tolerance:g}"
        rows.append(
            [
                *words(*([str(result.cell.row.get(name, "")) for name in fields] or [result.cell.id])),
                Entry(_shown(result.cell.published, digits), result.cell.published),
                Entry("-") if result.value is None else number_and_ends,
                Entry(_shown(result.difference, digits, signed=True), result.difference),
                Entry(within, result.cell.tolerance),
                Entry(result.verdict, result.verdict, marks=(BEST,) if result.verdict == "outside" else ()),
            ]
        )
    shared = [str(results[0].cell.row[name]) for name in SHOWN if name not in fields and results[0].cell.row.get(name)]
    counts = sorted({result.n for result in results if result.n is not None})
    images = "-".join(f"{n:,}" for n in dict.fromkeys((counts[0], counts[-1]))) if counts else "no"
    lead = []
    if changes is not None:
        given = " ".join(changes) or "as given"
        lead = [f"--allow-changes: data, weights or settings may not be the published ones ({given})."]
    notes = [f"{benchmark.paper}: {benchmark.title} ({benchmark.venue}).", benchmark.note, f"Ours: {images} images."]
    notes += [f"All cells: {', '.join(shared)}."] if shared and fields else []
    units = {result.cell.unit for result in results}
    notes.append(
        f"Unit: {', '.join(sorted(units))}. [95 % interval of ours over images]; difference: ours - published."
    )
    certainties = sorted({result.cell.certainty for result in results if result.cell.certainty})
    notes.append(f"Published numbers: {', '.join(certainties) or 'none'}.")
    reasons = dict.fromkeys(result.reason for result in results if result.reason and result.cell.overrides)
    notes += [f"not run: {reason}" for reason in reasons]
    marks = {BEST: "outside the tolerance."}
    return Table(columns=columns, rows=rows, lead=lead, marks=marks, notes=[note for note in notes if note])


def _cell(node: Mapping[str, Any]) -> Published:
    values: dict[str, Any] = {name: node[name] for name in Published.__slots__ if name in node}
    values |= {name: tuple(node.get(name) or ()) for name in ("overrides", "train")}
    return Published(**values)


def _mirrored(cell: Cell) -> tuple[float, float]:
    whole = 100.0 if cell.percent else 1.0
    return whole - cell.high, whole - cell.low


def _scale(unit: str, *, percent: bool) -> float:
    if unit == "fraction":
        return 0.01 if percent else 1.0
    return 1.0 if percent else 100.0


def _shown(value: float | None, digits: int, *, signed: bool = False) -> str:
    return "" if value is None else number(value, digits, signed=signed)

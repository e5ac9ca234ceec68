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

ROUNDING = 1e-9  # a difference that is the tolerance is inside
SHOWN = ("dataset", "split", "architecture", "method", "layers", "metric")  # of a cell's row, in this order


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
    note: str = ""
    baseline: str | None = None


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
        found: str | None = self.needs.get("checkpoint")
        return found

    def chosen(self, patterns: Sequence[str]) -> tuple[Published, ...]:
        """The cells whose id has one of the patterns in it; all without a pattern."""
        found = tuple(c for c in self.cells if not patterns or any(p in c.id for p in patterns))
        if not found:
            raise unknown(f"cell of {self.name}", ", ".join(patterns), [cell.id for cell in self.cells])
        return found


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
        found = {name: getattr(self.cell, name) for name in names}
        found |= {"ours": self.value, "low": self.low, "high": self.high, "n": self.n}
        return found | {"difference": self.difference, "verdict": self.verdict, "reason": self.reason or self.cell.note}


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
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        cells = tuple(_cell(cell) for cell in node["cells"])
        texts = {key: str(node.get(key, "")) for key in ("paper", "title", "venue", "note")}
        return Benchmark(name=path.stem, needs=node.get("needs", {}), cells=cells, **texts)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
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


def reproduction_table(found: Sequence[Ours], benchmark: Benchmark, *, changes: Sequence[str] | None = None) -> Table:
    """Published and ours, one row per cell; what all cells share is said below.

    `changes` are the settings that were changed; None where all are as published.
    """
    fields = [name for name in SHOWN if len({str(one.cell.row.get(name, "")) for one in found}) > 1]
    columns = [Column(name, numeric=False) for name in fields or ["cell"]]
    columns += [Column(name, drop=name == "tolerance") for name in ("published", "ours", "difference", "tolerance")]
    columns.append(Column("verdict", "", numeric=False))
    rows = []
    for one in found:
        digits = 4 if one.cell.unit == "fraction" else 2
        ends = "" if one.low is None or one.high is None else f" {interval(one.low, one.high, digits)}"
        number_and_ends = Entry(_shown(one.value, digits) + ends, one.value, one.low, one.high)
        within = "" if one.cell.tolerance is None else f"±{one.cell.tolerance:g}"
        rows.append(
            [
                *words(*([str(one.cell.row.get(name, "")) for name in fields] or [one.cell.id])),
                Entry(_shown(one.cell.published, digits), one.cell.published),
                Entry("-") if one.value is None else number_and_ends,
                Entry(_shown(one.difference, digits, signed=True), one.difference),
                Entry(within, one.cell.tolerance),
                Entry(one.verdict, one.verdict, marks=(BEST,) if one.verdict == "outside" else ()),
            ]
        )
    shared = [str(found[0].cell.row[name]) for name in SHOWN if name not in fields and found[0].cell.row.get(name)]
    counts = sorted({one.n for one in found if one.n is not None})
    images = "-".join(f"{n:,}" for n in dict.fromkeys((counts[0], counts[-1]))) if counts else "no"
    lead = []
    if changes is not None:
        given = " ".join(changes) or "as given"
        lead = [f"--allow-changes: data, weights or settings may not be the published ones ({given})."]
    notes = [f"{benchmark.paper}: {benchmark.title} ({benchmark.venue}).", benchmark.note, f"Ours: {images} images."]
    notes += [f"All cells: {', '.join(shared)}."] if shared and fields else []
    units = {one.cell.unit for one in found}
    notes.append(
        f"Unit: {', '.join(sorted(units))}. [95 % interval of ours over images]; difference: ours - published."
    )
    certainties = sorted({one.cell.certainty for one in found if one.cell.certainty})
    notes.append(f"Published numbers: {', '.join(certainties) or 'none'}.")
    reasons = dict.fromkeys(one.reason for one in found if one.reason and one.cell.overrides)
    notes += [f"not run: {reason}" for reason in reasons]
    marks = {BEST: "outside the tolerance."}
    return Table(columns=columns, rows=rows, lead=lead, marks=marks, notes=[note for note in notes if note])


def _cell(node: Mapping[str, Any]) -> Published:
    values: dict[str, Any] = {name: node[name] for name in Published.__slots__ if name in node}
    values["overrides"] = tuple(node.get("overrides") or ())
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

"""Lines of a table from the summaries of one or several runs: what each stands for, merged over seeds or groups."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from wsol.errors import ConfigError, unknown
from wsol.report.numbers.quantity import Cell, cell_of
from wsol.stats.bootstrap import average
from wsol.stats.seeds import seed_spread

if TYPE_CHECKING:
    from wsol.report.numbers.summary import Summary
    from wsol.runs.schema import VariantInfo

Key = tuple[str, str, str]  # measure, metric, origin of its threshold
RUN_FIELDS = ("dataset", "model", "weights", "classifier", "view", "seed", "run")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: a variant of a run, or several that were merged.

    Attributes
    ----------
    name : the variant's id, or what the group has in common.
    fields : method, layers, slice, the run's dataset, model, ..., and the options that differ from the defaults.
    same_as : the name of the variant that this one equals by algebra, or ``""``.
    """

    name: str
    fields: Mapping[str, Any]
    cells: Mapping[Key, Cell]
    costs: Mapping[str, float]
    control: bool = False
    same_as: str = ""
    about: VariantInfo | None = None

    @property
    def variant(self) -> VariantInfo | None:
        """The one variant that it stands for, or None where it is a mean over several."""
        return self.about if self.about is not None and self.about.id == self.name else None

    @property
    def ceiling(self) -> bool:
        """Whether it is made of the ground truth: no competitor, and no floor either."""
        return self.about is not None and self.about.role == "ceiling" and "method" in self.fields

    @property
    def defaults(self) -> Mapping[str, Any]:
        """All options of its method with their defaults; none where it stands for several methods."""
        return self.about.defaults if self.about is not None and "method" in self.fields else {}


def key_of(cell: Cell) -> Key:
    """What makes a column."""
    return (cell.measure, cell.metric, cell.origin)


def lines_of(summaries: Sequence[Summary]) -> list[Line]:
    """One line per run, variant and slice; runs that differ in nothing but their seed become one."""
    lines: list[Line] = []
    for group in grouped(summaries, apart_from_seed):
        of_seeds = [_of_run(summary) for summary in group]
        if len({run_fields(summary)["seed"] for summary in group}) < len(group) or len(group) == 1:
            lines += [line for run in of_seeds for line in run]
            continue
        by_name = grouped([line for run in of_seeds for line in run], lambda n: (n.name, str(n.fields["slice"])))
        lines += [_over_seeds(same) for same in by_name]
    return lines


def run_fields(summary: Summary) -> dict[str, Any]:
    """What a line inherits from its run; ``dataset`` says the split too."""
    info = summary.info
    return {
        "dataset": f"{info.dataset}-{info.split}" if info.split else info.dataset,
        "model": info.network,
        "weights": info.weights,
        "classifier": info.classifier or (info.network if info.source == "network" else ""),
        "view": f"{info.view}{info.side or ''}",
        "seed": info.seed,
        "run": summary.run,
    }


def value_of(line: Line, name: str) -> Any:
    """A field of a line; an option that was left alone has its default, ``""`` where the method has no such option."""
    return line.fields[name] if name in line.fields else line.defaults.get(name, "")


def check_fields(lines: Iterable[Line], names: Sequence[str]) -> None:
    """Raise for a field that no line has."""
    known = {n for line in lines for n in (*line.fields, *line.defaults)}
    for name in names:
        if name not in known:
            raise unknown("field", name, known, error=ConfigError)


def group_lines(lines: Sequence[Line], by: Sequence[str], *, pick: Callable[[Line], float] | None = None) -> list[Line]:
    """One line for every combination of the fields `by`: the mean of its lines, or the one that `pick` values most.

    Controls are never averaged with methods: where both have the same fields they are a line of their own, which says
    so in the last of them.
    """
    check_fields(lines, by)
    merged = []
    for group, beside_methods in _apart_from_controls(lines, by):
        fields = {name: value_of(group[0], name) for name in by}
        if beside_methods:
            fields[by[-1]] = f"{fields[by[-1]]} (controls)".strip()
        distinct = [line for line in group if not line.same_as] or group
        if len(group) == 1:
            line = group[0]
        elif pick is not None:
            line = max(distinct, key=pick)
        else:
            line = distinct[0] if len(distinct) == 1 else _mean(distinct)
        merged.append(replace(line, fields={**line.fields, **fields}))
    return merged


def _apart_from_controls(lines: Sequence[Line], by: Sequence[str]) -> Iterator[tuple[list[Line], bool]]:
    """Lines with the same fields, methods and controls apart; whether they are controls where there are methods too."""
    for place in grouped(lines, lambda line: tuple(str(value_of(line, name)) for name in by)):
        kinds = grouped(place, lambda line: line.control)
        yield from ((kind, len(kinds) > 1 and kind[0].control and bool(by)) for kind in kinds)


def grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Items with equal keys together, in order of appearance."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _of_run(summary: Summary) -> list[Line]:
    inherited = run_fields(summary)
    cells: dict[tuple[str, str], dict[Key, Cell]] = {}
    slices = dict.fromkeys(cell.slice for cell in summary.cells)
    for cell in summary.cells:
        cells.setdefault((cell.variant, cell.slice), {})[key_of(cell)] = cell
    lines = []
    for variant, about in summary.variants.items():
        for part in slices:
            if (variant, part) not in cells:
                continue
            about_line = {"variant": about.id, "method": about.method, "layers": "+".join(about.layers), "slice": part}
            lines.append(
                Line(
                    name=about.id,
                    fields={**about.options, **inherited, **about_line},
                    cells=cells[variant, part],
                    costs=summary.costs[variant],
                    control=about.role != "method",
                    same_as=summary.variants[summary.same[variant]].id if variant in summary.same else "",
                    about=about,
                )
            )
    return lines


def apart_from_seed(summary: Summary) -> str:
    """What runs have in common that differ in their seed only."""
    identity = {k: v for k, v in summary.manifest.get("identity", {}).items() if k != "seed"}
    return str(sorted(identity.items())) if identity else summary.run


def _over_seeds(lines: Sequence[Line]) -> Line:
    """A stochastic variant's means over seeds; any other is the same in every run and stays as the first has it.

    Numbers on a sample of the images can't be averaged, since the sample follows from the seed too.
    """
    first = lines[0]
    if first.about is None or not first.about.stochastic or len(lines) == 1:
        return first
    cells = {}
    for key, cell in first.cells.items():
        others = [line.cells[key] for line in lines if key in line.cells]
        draws = [other.draws for other in others if other.draws is not None]
        lost = next((other for other in others if other.failed), None)
        if lost is not None:
            cells[key] = lost
            continue
        if len(draws) < len(lines) or len({other.images for other in others}) > 1:
            cells[key] = cell
            continue
        spread = seed_spread(draws)
        scale = 100.0 if cell.percent else 1.0
        cells[key] = replace(_averaged(others), spread=scale * spread.std, seeds=spread.seeds)
    seeds = [line.fields["seed"] for line in lines]
    return replace(first, cells=cells, fields={**first.fields, "seed": f"{len(seeds)} seeds"})


def _mean(lines: Sequence[Line]) -> Line:
    """The mean over lines of every number that all of them have on the same images."""
    cells = {}
    for key in lines[0].cells:
        alike = [line.cells[key] for line in lines if key in line.cells]
        lost = next((cell for cell in alike if cell.failed), None)
        if lost is not None:
            cells[key] = lost
        elif len(alike) == len(lines) and len({c.images for c in alike}) == 1 and all(c.draws for c in alike):
            cells[key] = _averaged(alike)
    costs = {name: float(np.mean([line.costs[name] for line in lines])) for name in lines[0].costs}
    common = {k: v for k, v in lines[0].fields.items() if all(line.fields.get(k) == v for line in lines)}
    return Line(
        name=f"mean of {len(lines)}",
        fields=common,
        cells=cells,
        costs=costs,
        control=all(line.control for line in lines),
        about=lines[0].about,
    )


def _averaged(cells: Sequence[Cell]) -> Cell:
    first = cells[0]
    return cell_of(
        average([cell.draws for cell in cells if cell.draws is not None]),
        variant=first.variant,
        quantity=first.quantity,
        tau=first.tau if first.tau_source == "fixed" else (),
        tau_source=first.tau_source,
        chosen_on=first.chosen_on,
        own_rule=first.own_rule,
        slice_=first.slice,
        images=first.images,
    )

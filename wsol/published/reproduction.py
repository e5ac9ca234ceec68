"""A published table computed again: what its cells need is run, and ours stands beside theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.errors import ConfigError
from wsol.published.beside import Benchmark, Ours, Published, load_benchmark, needed, ours_from, reproduction_table
from wsol.report.tables.table import Table
from wsol.settings.words import Word, moves_no_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Which cells of a table are to be computed, and how.

    Attributes
    ----------
    cells : all that are shown; runnable : those with settings, and the baselines of their differences.
    overrides : the user's settings, of which `changed` are those that change the data or the network.
    allow_changes : whether other data, weights or settings than the published ones may stand in.
    """

    benchmark: Benchmark
    cells: tuple[Published, ...]
    runnable: tuple[Published, ...]
    overrides: tuple[str, ...]
    changed: tuple[str, ...]
    allow_changes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Published numbers and ours.

    Attributes
    ----------
    results : one per cell. folders : where the rows of ours are.
    complete : whether all cells that can be computed were; if not, `lacking` says what a user must have.
    """

    task: Task
    results: tuple[Ours, ...]
    folders: tuple[Path, ...] = ()
    complete: bool = True
    lacking: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """One row per cell."""
        changes = self.task.changed if self.task.allow_changes else None
        return reproduction_table(self.results, self.task.benchmark, changes=changes)


def task_of(
    benchmark: str, overrides: Sequence[str] = (), *, only: Sequence[str] = (), allow_changes: bool = False
) -> Task:
    """What is to be done for a table, or for the cells with a text of `only` in their id.

    Raises
    ------
    UnknownName : no such table or cell. ConfigError : an override that changes the data or the network, which only
        `allow_changes` permits.
    """
    loaded = load_benchmark(benchmark)
    cells = loaded.chosen(only)
    runnable = with_baselines(loaded, [cell for cell in cells if cell.overrides])
    changed = changing(overrides, runnable)
    if changed and not allow_changes:
        raise ConfigError(
            f"{changed[0]} changes what the published numbers are of; add --allow-changes to compare anyway (in "
            "Python: allow_changes=True)"
        )
    return Task(
        benchmark=loaded,
        cells=cells,
        runnable=tuple(runnable),
        overrides=tuple(overrides),
        changed=tuple(changed),
        allow_changes=allow_changes,
    )


def reproduced(task: Task, *, n_resamples: int, untrained: Mapping[tuple[str, ...], str] | None = None) -> Reproduction:
    """Compute what is missing and compare; what can't be computed says why.

    Parameters
    ----------
    untrained : by the words of a training, why it was not done.
    """
    from wsol.published.plan import plan, run

    plans, reasons = plan(task.runnable, task.benchmark, task.overrides, allow_changes=task.allow_changes)
    numbers = run(plans, task.runnable, n_resamples=n_resamples)
    reasons |= {work: untrained[work[1]] for work in reasons if untrained and work[1] in untrained}
    results = [
        Ours(cell=cell, reason=reasons.get(cell.work, ""))
        if cell.work in reasons or not cell.overrides
        else ours_from(cell, numbers)
        for cell in task.cells
    ]
    return Reproduction(
        task=task,
        results=tuple(results),
        folders=tuple(dict.fromkeys(plan.path for plan in plans.values())),
        complete=not reasons,
        lacking=tuple(needed(task.benchmark)) if reasons else (),
    )


def with_baselines(benchmark: Benchmark, cells: Sequence[Published]) -> list[Published]:
    """The cells, and those that their differences are taken to."""
    by_id = {cell.id: cell for cell in benchmark.cells}
    bases = [by_id[cell.baseline] for cell in cells if cell.baseline in by_id]
    return list({cell.id: cell for cell in [*cells, *bases] if cell.overrides}.values())


def changing(overrides: Sequence[str], cells: Sequence[Published]) -> list[str]:
    """The overrides that change the data or the network that a table is about."""
    fixed = {Word.of(word).key for cell in cells for word in cell.overrides}
    changes = []
    for text in overrides:
        word = Word.of(text)
        weights = word.key == "model.weights" and word.key not in fixed and word.value != "random"
        if not weights and not moves_no_number(word):
            changes.append(text)
    return changes

"""A published table with ours beside it, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING

from wsol.api.result import Result
from wsol.api.table import ShownTable
from wsol.published.reproduction import Reproduction, reproduced, task_of
from wsol.report.numbers.settings import RESAMPLES
from wsol.runs.folder import RunFolder

if TYPE_CHECKING:
    from wsol.published.beside import Ours


class Reproduced(Result):
    """The runs behind a published table, and the table with ours beside it, which is what it shows of itself.

    Attributes
    ----------
    cells : each published number with ours, its interval, or the reason why there is none.
    complete : whether every cell that can be computed was; `lacking` says what is needed for the others.
    """

    def __init__(self, found: Reproduction) -> None:
        super().__init__(*map(RunFolder, found.folders))
        self.cells: tuple[Ours, ...] = found.results
        self.complete, self.lacking = found.complete, found.lacking
        self._found = found

    def beside(self) -> ShownTable:
        """Published, ours with its interval, difference, and whether it is within the tolerance."""
        return ShownTable(self._found.table)

    def __repr__(self) -> str:
        names = ", ".join(folder.name for folder in self.folders) or "nothing was run"
        return "\n".join([f"Reproduced({self._found.task.benchmark.name}: {names})", str(self.beside()), *self.lacking])

    def _repr_html_(self) -> str:
        return self.beside()._repr_html_()


def reproduce(
    benchmark: str | PathLike[str],
    *overrides: str,
    only: Sequence[str] | str = (),
    allow_changes: bool = False,
) -> Reproduced:
    """Run a published table and compare: ``wsol.reproduce("choe2020", "paths.data=data", only="resnet50")``.

    It resumes, as `wsol reproduce` does: the same rows in the same folders.

    Parameters
    ----------
    benchmark : a name that ``wsol list benchmarks`` shows, or a file of that kind.
    overrides : where data and weights are, as `wsol run` takes them: ``model.weights=mine.pth``.
    only : texts; the cells with one of them in their id.
    allow_changes : accept other data, weights or settings than the paper's, which the table then says.

    Raises
    ------
    UnknownName : no such table or cell. ConfigError : an override that changes what the numbers are of.
    """
    patterns = [only] if isinstance(only, str) else list(only)
    task = task_of(fspath(benchmark), overrides, only=patterns, allow_changes=allow_changes)
    return Reproduced(reproduced(task, n_resamples=RESAMPLES))

"""What an evaluation gave: read from its rows, when it is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from wsol.runs.folder import RunFolder


class Result:
    """The rows of a run, and every table, figure and page made of them.

    Attributes
    ----------
    folder : where the rows are.
    variants : keys of those this result is of; None for all of the run.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        variants: Sequence[str] | None = None,
        held: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.folder = folder
        self.variants = variants
        self._held = held  # a temporary folder lives as long as the result

    @property
    def path(self) -> Path:
        """The run folder: what `wsol table`, `wsol report` and `wsol export` take."""
        return self.folder.path

    def rows(self, *, lists: bool = False) -> pd.DataFrame:
        """One row per image and variant; see `wsol.load`."""
        from wsol.report.export.frame import frame

        found = frame(self.path, lists=lists)
        return found if self.variants is None else found[found["variant"].isin(self._ids())].reset_index(drop=True)

"""wsol: a benchmark suite for weakly supervised object localization.

>>> import wsol
>>> rows = wsol.load("latest")          # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.environment import __version__

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["__version__", "load"]


def load(
    run: str | Path | Sequence[str | Path] = "latest", *, runs: str | Path = "results/runs", lists: bool = False
) -> pd.DataFrame:
    """All rows of one or several runs as one table: one row per image and variant.

    Columns: run, variant, method, layers, ``option.NAME``; image_id, label, predicted, probability, rank, width,
    height; for each protocol ``NAME/tau`` (the run's best one at IoU 0.5, or the fixed one), ``NAME/iou_at_tau`` and
    ``NAME/hit``; the columns of metrics; costs.

    Parameters
    ----------
    run : a folder, the beginning of its name, or ``latest``; several make one table.
    lists : keep whole curves too (thresholds, IoU, boxes, deletion), as arrays.

    Raises
    ------
    WsolError : there is no such run, or it has no rows.
    """
    from wsol.report.export.frame import frame  # pandas and pyarrow only when they are used

    return frame(run, runs=runs, lists=lists)

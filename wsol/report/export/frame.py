"""Rows as one pandas table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.errors import DataError
from wsol.report.numbers.rows import curves_of, rows_of, tau_of
from wsol.report.tables.text import inert
from wsol.runs.find import open_run

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from wsol.runs.folder import RunFolder
    from wsol.runs.schema import ProtocolInfo


def frame(
    run: str | Path | Sequence[str | Path] = "latest", *, runs: str | Path = "results/runs", lists: bool = False
) -> pd.DataFrame:
    """One row per image and variant, see `wsol.Result.rows`; several runs make one frame."""
    import pandas as pd

    names = [run] if isinstance(run, str | Path) else list(run)
    parts = [part for name in names for part in _frames(open_run(name, Path(runs)), lists=lists)]
    if not parts:
        raise DataError(f"run {', '.join(map(str, names))} has no rows yet; start it with: wsol run")
    return pd.concat(parts, ignore_index=True)


def spreadsheet_safe(rows: pd.DataFrame) -> pd.DataFrame:
    """Texts that a spreadsheet would take for formulas with an apostrophe in front."""
    texts = {str(n): rows[n].map(inert, na_action="ignore") for n in rows.select_dtypes(["object", "string"])}
    return rows.assign(**texts).rename(columns=inert)


def _frames(folder: RunFolder, *, lists: bool) -> list[pd.DataFrame]:
    import pandas as pd

    if not folder.footers():
        return []
    about, frames = folder.about(), []
    for key, table in folder.tables().items():
        known = about.variants[key]
        rows = table.to_pandas()
        if "top" in rows:
            rows.insert(3, "predicted", [None if t is None else int(t[0]) for t in rows["top"]])
        for name, protocol in about.protocols.items():
            if f"{name}/iou" in table.column_names:
                rows = rows.join(_at_best(table, protocol), on="image_id")
        if not lists:
            rows = rows[[c for c in rows if not _is_list(table, c)]]
        fixed = {"run": folder.name, "variant": known.id, "method": known.method, "layers": "+".join(known.layers)}
        fixed |= {f"option.{option}": value for option, value in known.options.items()}
        front = pd.DataFrame({name: [value] * len(rows) for name, value in fixed.items()})
        frames.append(pd.concat([front, rows.drop(columns="variant")], axis=1))
    return frames


def _at_best(table: pa.Table, protocol: ProtocolInfo) -> pd.DataFrame:
    import pandas as pd

    name = protocol.name
    rows = rows_of(table, name)
    curves, ge = curves_of(rows, protocol), protocol.knobs["hit"] == "ge"
    position = curves.best(0.5, ge=ge)[1]
    iou = curves.at(position)
    hit = iou >= 0.5 if ge else iou > 0.5
    columns = {f"{name}/tau": tau_of(position, protocol), f"{name}/iou_at_tau": iou, f"{name}/hit": hit}
    return pd.DataFrame(columns, index=pd.Index(rows["image_id"].to_pylist(), name="image_id"))


def _is_list(table: pa.Table, column: str) -> bool:
    import pyarrow as pa

    return column in table.column_names and bool(pa.types.is_list(table.schema.field(column).type))

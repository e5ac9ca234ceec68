"""A table as a notebook holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.report.tables.render import as_csv, as_html, as_latex, as_markdown

if TYPE_CHECKING:
    import pandas as pd

    from wsol.report.tables.table import Table


@dataclass(frozen=True, eq=False)
class ShownTable:
    """A table with intervals and notes: ``print(table)`` is Markdown, a notebook shows HTML."""

    record: Table

    def __str__(self) -> str:
        return as_markdown(self.record)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.record)

    def latex(self) -> str:
        """A booktabs table."""
        return as_latex(self.record)

    def csv(self) -> str:
        """One line per row."""
        return as_csv(self.record)

    def records(self) -> list[dict[str, Any]]:
        """One plain object per row, with values and ends of intervals."""
        return self.record.records

    def to_pandas(self) -> pd.DataFrame:
        """One line per row, as `records`."""
        import pandas as pd

        return pd.DataFrame(self.records())

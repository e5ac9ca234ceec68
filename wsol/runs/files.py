"""Files of rows: which are complete, what they state about themselves, and the columns that are asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wsol.runs.schema import KEY, Footer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RowFile:
    """A complete file of rows: what it states about itself, and which columns it has."""

    path: Path
    footer: Footer
    columns: tuple[str, ...]

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns of all its rows."""
        return pq.ParquetFile(self.path).read(list(columns))  # read_table imports pandas


def row_files(folder: Path, index: int | None = None) -> list[RowFile]:
    """All complete files of a folder, or those of one shard; damaged ones are logged and left out.

    Raises
    ------
    OutputError : a file holds rows of an older schema.
    """
    found = []
    for path in sorted(folder.glob("shard-*.parquet" if index is None else f"shard-{index:05d}-*.parquet")):
        try:
            stat = path.stat()
            file, rows = _opened(path, stat.st_mtime_ns, stat.st_size)
        except (pa.ArrowException, OSError) as error:
            log.warning("%s is damaged and left out (%s); the same wsol run makes it again", path, error)
            continue
        if file.footer.rows == rows:
            found.append(file)
    return found


@lru_cache(maxsize=4096)
def _opened(path: Path, modified: int, size: int) -> tuple[RowFile, int]:
    """A file's footer and columns, and how many rows it holds; read again where it has changed."""
    data = pq.read_metadata(path)
    footer = Footer.from_json((data.metadata or {}).get(KEY, b"{}"), where=path)
    return RowFile(path, footer, tuple(data.schema.to_arrow_schema().names)), data.num_rows

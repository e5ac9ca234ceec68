"""Files of rows: which are complete, what they state about themselves, and the columns that are asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wsol.runs.schema import KEY, Footer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RowFile:
    """A complete file of rows, what it states about itself, and what Parquet says of its columns."""

    path: Path
    footer: Footer
    metadata: pq.FileMetaData = field(repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(self.metadata.schema.to_arrow_schema().names)

    @property
    def failed(self) -> bool:
        """Whether any row may have failed, by the statistics that the file holds of its column of states."""
        groups = [self.metadata.row_group(n) for n in range(self.metadata.num_row_groups)]
        chunks = [group.column(n) for group in groups for n in range(group.num_columns)]
        known = [chunk.statistics for chunk in chunks if chunk.path_in_schema == "status"]
        return not all(one is not None and one.has_min_max and one.min == one.max == "ok" for one in known)

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns of all its rows."""
        # read_table imports pandas
        return pq.ParquetFile(self.path, metadata=self.metadata).read(list(columns), use_threads=False)


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
            file = _opened(path, stat.st_mtime_ns, stat.st_size)
        except (pa.ArrowException, OSError) as error:
            log.warning("%s is damaged and left out (%s); the same wsol run makes it again", path, error)
            continue
        if file.footer.rows == file.metadata.num_rows:
            found.append(file)
    return found


@lru_cache(maxsize=4096)
def _opened(path: Path, modified: int, size: int) -> RowFile:
    """A file with its footer; read again where it has changed."""
    data = pq.read_metadata(path)
    footer = Footer.from_json((data.metadata or {}).get(KEY, b"{}"), where=path)
    return RowFile(path, footer, data)

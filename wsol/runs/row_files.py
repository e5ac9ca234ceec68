"""Files of rows as a disk gives them back: whole, damaged, or somebody else's.

Readers check what costs nothing: the footer, the names of the columns and, of the pages they read, Parquet's own
checksums. Writers, who would take a damaged file's rows for done, check all of it against the footer's checksum, once
for each state of the file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

import pyarrow as pa
import pyarrow.parquet as pq

from wsol.datasets.contents import Key, key_of, remember, remembered, settled, verifying
from wsol.errors import first_line
from wsol.runs.checksum import checksum
from wsol.runs.footer import DIGEST, KEY, Footer, footer_digest

log = logging.getLogger(__name__)

UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError)
SUFFIX = ".parquet"
SOUND = "sound"  # what is remembered of a file whose rows have the checksum that its footer states

_sound: set[Key] = set()
_reported: set[object] = set()


@dataclass(frozen=True, slots=True)
class RowFile:
    """A complete file of rows, what it states about itself, the names of its columns, and what Parquet says of them."""

    path: Path
    footer: Footer
    columns: tuple[str, ...]
    metadata: pq.FileMetaData = field(repr=False)

    @property
    def failed(self) -> bool:
        """Whether any row may have failed, by the statistics that the file holds of its column of states."""
        groups = [self.metadata.row_group(n) for n in range(self.metadata.num_row_groups)]
        chunks = [group.column(n) for group in groups for n in range(group.num_columns)]
        known = [chunk.statistics for chunk in chunks if chunk.path_in_schema == "status"]
        return not all(one is not None and one.has_min_max and one.min == one.max == "ok" for one in known)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table | None:
        """These columns of all its rows, or all columns; None, with a warning, where a page is damaged."""
        return read_rows(self.path, columns, metadata=self.metadata)


def row_files(rows: Path, index: int | None = None) -> list[RowFile]:
    """The files of a folder of rows, or of one shard; damaged and foreign ones are reported and left out.

    Raises OutputError for rows of an older schema.
    """
    return [file for path in _paths(rows, index) if (file := row_file(path)) is not None]


def row_file(path: Path) -> RowFile | None:
    """A file with its footer; None, with a warning, where its footer or a column is damaged or missing."""
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):  # reading a pipe would wait for ever
            report(path, "it is not a file; move it elsewhere", again=False)
            return None
        return _opened(path, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError:  # joined with others, or deleted, since the folder was listed
        return None
    except UNREADABLE as error:
        report(path, error)
        return None


@lru_cache(maxsize=4096)
def _opened(path: Path, modified: int, size: int) -> RowFile | None:
    """See `row_file`; read again where the file has changed."""
    data = pq.read_metadata(path)
    known = data.metadata or {}
    text = known.get(KEY)
    if text is None:
        report(path, "it is not a file of rows; move it elsewhere", again=False)
        return None
    if known.get(DIGEST, footer_digest(text)) != footer_digest(text):
        raise ValueError("its footer is not the one it was written with")
    schema = data.schema.to_arrow_schema()
    file = RowFile(path, Footer.from_json(text, where=path), tuple(schema.names), data)
    lacking = sorted({"image_id", "variant", *file.footer.columns} - set(file.columns))
    if file.footer.rows != data.num_rows:
        raise ValueError(f"{data.num_rows} rows, and its footer says {file.footer.rows}")
    if lacking:
        raise ValueError(f"column {lacking[0]} is missing")
    foreign = [field.name for field in schema if isinstance(field.type, pa.BaseExtensionType)]
    if foreign:
        raise ValueError(f"column {foreign[0]} has a type of another program")
    return file


def read_rows(
    path: Path, columns: Sequence[str] | None = None, *, metadata: pq.FileMetaData | None = None
) -> pa.Table | None:
    """The rows of a file, or these columns of them; None, with a warning, where one of its pages is damaged."""
    try:
        # read_table imports pandas
        source = pq.ParquetFile(path, metadata=metadata, page_checksum_verification=True)
        return source.read(None if columns is None else list(columns), use_threads=False)
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        report(path, error)
        return None


def sound(files: Iterable[RowFile]) -> Iterator[RowFile]:
    """Those of the files whose rows have the checksums that they state; the others are reported."""
    keyed = [(file, key) for file in files if (key := key_of(file.path)) is not None]
    unknown = [key for _, key in keyed if key not in _sound]
    _sound.update(remembered(SOUND, unknown) if unknown and not verifying() else ())
    for file, key in keyed:
        if key not in _sound:
            rows, stated = file.read(), file.footer.checksum
            if rows is None:
                continue
            if stated and checksum(rows, without=file.footer.measured) != stated:
                report(file.path, "its rows are not those it was written with")
                continue
            _sound.add(key)
            remember(SOUND, {key: stated} if settled(key) else {})
        yield file


def damaged(rows: Path, index: int | None = None) -> list[Path]:
    """The files of a folder, or of one shard, that `sound` leaves out; not those without a footer of ours."""
    fine = {file.path for file in sound(row_files(rows, index))}
    return [path for path in _paths(rows, index) if path not in fine and not _is_foreign(path)]


def _paths(rows: Path, index: int | None) -> list[Path]:
    start = "shard-" if index is None else f"shard-{index:05d}-"
    try:
        # each worker lists for each of its shards, of many thousands: a glob takes ten times as long
        names = os.listdir(rows)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [rows / name for name in sorted(name for name in names if name.startswith(start)) if name.endswith(SUFFIX)]


def report(file: Path, reason: object, *, again: bool = True) -> None:
    """Warn, once for each state of a file, that it is left out."""
    told = (key_of(file), str(file))
    if told not in _reported:
        _reported.add(told)
        text = first_line(reason) if isinstance(reason, BaseException) else reason
        if again:
            log.warning("%s is damaged and left out (%s); the same wsol run makes it again", file, text)
        else:
            log.warning("%s is left out: %s", file, text)


def _is_foreign(file: Path) -> bool:
    try:
        return not file.is_file() or KEY not in (pq.read_metadata(file).metadata or {})
    except UNREADABLE:
        return not file.exists()


def names_of(rows: pa.Table, measured: Collection[str]) -> tuple[str, ...]:
    """The columns that a file of these rows must have."""
    return tuple(name for name in rows.column_names if name not in measured)

"""Files of rows as a disk gives them back: whole, damaged, or somebody else's.

Readers check what costs nothing: the footer, the names of the columns and, of the pages they read, Parquet's own
checksums. Writers, who would take a damaged file's rows for done, check all of it against the footer's checksum, once
for each state of the file.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wsol.datasets.contents import Key, key_of, remember, remembered, settled
from wsol.errors import first_line
from wsol.runs.checksum import checksum
from wsol.runs.schema import DIGEST, KEY, Footer, digest_of

log = logging.getLogger(__name__)

UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError)
SOUND = "sound"  # what is remembered of a file whose rows have the checksum that its footer states

_sound: set[Key] = set()
_reported: set[object] = set()


def row_files(rows: Path, index: int | None = None) -> Iterator[tuple[Path, Footer]]:
    """The files of a folder of rows, or of one shard, with their footers; damaged and foreign ones are reported.

    Raises OutputError for rows of an older schema.
    """
    pattern = "shard-*.parquet" if index is None else f"shard-{index:05d}-*.parquet"
    for file in sorted(rows.glob(pattern)):
        footer = footer_of(file)
        if footer is not None:
            yield file, footer


def footer_of(file: Path) -> Footer | None:
    """What a file says of itself; None, with a warning, where its footer or a column is damaged or missing."""
    try:
        schema = pq.read_metadata(file)
        known = schema.metadata or {}
        text = known.get(KEY)
        if text is None:
            report(file, "it is not a file of rows; move it elsewhere", again=False)
            return None
        if known.get(DIGEST, digest_of(text)) != digest_of(text):
            raise ValueError("its footer is not the one it was written with")
        footer = Footer.from_json(text, where=file)
        there = set(schema.schema.to_arrow_schema().names)
    except FileNotFoundError:  # joined with others, or deleted, since the folder was listed
        return None
    except UNREADABLE as error:
        report(file, error)
        return None
    lacking = sorted({"image_id", "variant", *footer.columns} - there)
    if footer.rows != schema.num_rows:
        report(file, f"{schema.num_rows} rows, and its footer says {footer.rows}")
    elif lacking:
        report(file, f"column {lacking[0]} is missing")
    else:
        return footer
    return None


def read_rows(file: Path, columns: Sequence[str] | None = None, *, without: tuple[str, ...] = ()) -> pa.Table | None:
    """The rows of a file; None, with a warning, where one of its pages is damaged.

    Parameters
    ----------
    columns : only these. without : columns whose names end so are left on the disk.
    """
    try:
        source = pq.ParquetFile(file, page_checksum_verification=True)  # read_table imports pandas
        names = source.schema_arrow.names if columns is None else columns
        return source.read([name for name in names if not (without and name.endswith(without))])
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        report(file, error)
        return None


def sound(files: Iterable[tuple[Path, Footer]]) -> Iterator[tuple[Path, Footer]]:
    """Those of the files whose rows have the checksums that they state; the others are reported."""
    keyed = [(file, footer, key) for file, footer in files if (key := key_of(file)) is not None]
    unknown = [key for _, _, key in keyed if key not in _sound]
    _sound.update(remembered(SOUND, unknown) if unknown else ())
    for file, footer, key in keyed:
        if key not in _sound:
            rows = read_rows(file)
            if rows is None:
                continue
            if footer.checksum and checksum(rows, without=footer.measured) != footer.checksum:
                report(file, "its rows are not those it was written with")
                continue
            _sound.add(key)
            remember(SOUND, {key: footer.checksum} if settled(key) else {})
        yield file, footer


def damaged(rows: Path, index: int | None = None) -> list[Path]:
    """The files of a folder, or of one shard, that `sound` leaves out; not those without a footer of ours."""
    pattern = "shard-*.parquet" if index is None else f"shard-{index:05d}-*.parquet"
    fine = {file for file, _ in sound(row_files(rows, index))}
    return [file for file in sorted(rows.glob(pattern)) if file not in fine and not _is_foreign(file)]


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
        return KEY not in (pq.read_metadata(file).metadata or {})
    except UNREADABLE:
        return not file.exists()


def names_of(rows: pa.Table, measured: Collection[str]) -> tuple[str, ...]:
    """The columns that a file of these rows must have."""
    return tuple(name for name in rows.column_names if name not in measured)

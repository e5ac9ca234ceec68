"""Images in Parquet and Arrow files, as the `datasets` library of Hugging Face stores them; read by pyarrow alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from wsol.datasets.contents import content_digest
from wsol.datasets.fields import short
from wsol.datasets.image_files import header_size
from wsol.errors import DataError, unknown

if TYPE_CHECKING:
    import pyarrow as pa

    from wsol.datasets.stores.remote_path import AnyPath

SUFFIXES = (".parquet", ".arrow")


@contextmanager
def arrow_errors(path: AnyPath) -> Iterator[None]:
    """A block whose errors of pyarrow, of which it has many kinds, are DataErrors about `path`."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise DataError(f"{path} can't be read as a table of images: {reason}") from error


class TableFile:
    """One file of a table: its schema, and its rows in portions."""

    def __init__(self, path: AnyPath) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        with arrow_errors(path):
            if path.suffix == ".parquet":
                self._parquet = pq.ParquetFile(path if isinstance(path, Path) else path.open("rb"))
                self.schema: pa.Schema = self._parquet.schema_arrow
                self.portions = int(self._parquet.num_row_groups)
            else:
                self._parquet = None
                with pa.memory_map(str(path)) if isinstance(path, Path) else path.open("rb") as source:
                    self._table = pa.ipc.open_stream(source).read_all()
                self.schema, self.portions = self._table.schema, 1

    def portion(self, index: int, columns: Sequence[str]) -> pa.Table:
        """A row group, some of its columns."""
        with arrow_errors(self.path):
            if self._parquet is None:
                return self._table.select(list(columns))
            return self._parquet.read_row_group(index, columns=list(columns))

    def rows(self, index: int, columns: Sequence[str]) -> list[dict[str, Any]]:
        """The same as plain values; texts are decoded only here."""
        with arrow_errors(self.path):
            found: list[dict[str, Any]] = self.portion(index, columns).to_pylist()
            return found

    def features(self) -> Mapping[str, Any]:
        """What `datasets` wrote of its columns, such as the names of classes; empty where nothing."""
        try:
            stated = json.loads((self.schema.metadata or {}).get(b"huggingface", b"{}"))
            features = stated["info"]["features"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}
        return features if isinstance(features, dict) else {}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image is, and what is known of it."""

    file: int
    portion: int
    row: int
    digest: str
    size_wh: tuple[int, int]
    upright_wh: tuple[int, int]


class TablePack:
    """The images of some files by ``file.parquet/row``; every one is read once at the start, for size and digest."""

    def __init__(self, files: Sequence[TableFile], column: str, root: AnyPath) -> None:
        self.files, self.column = files, column
        self.places: dict[str, Place] = {}
        self._lock = Lock()
        self._last: tuple[int, int, list[bytes]] = (-1, -1, [])
        for number, file in enumerate(files):
            if column not in file.schema.names:
                raise unknown(f"column in {file.path} called", column, file.schema.names, error=DataError)
            count, within = 0, file.path.relative_to(root).as_posix()  # type: ignore[arg-type]
            for portion in range(file.portions):
                for row, content in enumerate(self._portion(number, portion)):
                    name = f"{within}/{count:08d}"
                    sizes = [header_size(content, name, upright=upright) for upright in (False, True)]
                    self.places[name] = Place(number, portion, row, content_digest(content), sizes[0], sizes[1])
                    count += 1

    def read(self, name: str) -> bytes:
        place = self.places[name]
        with self._lock:
            return self._portion(place.file, place.portion)[place.row]

    def size_wh(self, name: str, *, upright: bool) -> tuple[int, int]:
        return self.places[name].upright_wh if upright else self.places[name].size_wh

    def digest(self, name: str) -> str:
        return self.places[name].digest

    def _portion(self, number: int, portion: int) -> list[bytes]:
        """The images of a row group; the last one that was asked for is kept."""
        if self._last[:2] != (number, portion):
            file = self.files[number]
            values = [row[self.column] for row in file.rows(portion, [self.column])]
            contents: list[Any] = [value.get("bytes") if isinstance(value, dict) else value for value in values]
            wrong = next((row for row, content in enumerate(contents) if not isinstance(content, bytes)), None)
            if wrong is not None:
                raise DataError(
                    f"{file.path}, row {wrong} of portion {portion}: the column {short(self.column)} holds no bytes of "
                    "an image; tables that name files elsewhere can't be read"
                )
            self._last = (number, portion, contents)
        return self._last[2]

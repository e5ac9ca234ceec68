"""A file at a URL that is read in parts, such as a tar archive: each part is kept in the cache of its store."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from wsol.errors import DataError

if TYPE_CHECKING:
    from wsol.datasets.stores.remote import RemoteStore

PART = 1 << 21  # bytes: a request takes as long as about as many bytes do
BUFFER = 1 << 16


class PartedFile(io.RawIOBase):
    """A file of a store; the last part that was read is held."""

    def __init__(self, store: RemoteStore, name: str) -> None:
        size = store.facts_at(name)[0]
        if size is None:
            raise DataError(f"{store.place(name)} can't be read in parts: its server doesn't say how large it is")
        self.store, self.file, self.size = store, name, size
        self._at, self._last = 0, (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence] + offset)
        return self._at

    def readinto(self, buffer: memoryview[int]) -> int:  # type: ignore[override]
        number, offset = divmod(self._at, PART)
        content = self._part(number)[offset : offset + len(buffer)] if self._at < self.size else b""
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def _part(self, number: int) -> bytes:
        if self._last[0] != number:
            start = number * PART
            self._last = number, self.store.read_part(self.file, start, min(start + PART, self.size))
        return self._last[1]


def opened(store: RemoteStore, name: str) -> io.BufferedReader:
    """A file of a store to read and seek in. Raises DataError, and so does reading it."""
    return io.BufferedReader(PartedFile(store, name), BUFFER)

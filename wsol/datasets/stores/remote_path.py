"""What is below a URL under the names of `pathlib.Path`, so that a reader sees a folder of files wherever it is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal
from urllib.parse import unquote

from wsol.datasets.listing import Listing
from wsol.datasets.stores.base import FileKind
from wsol.datasets.stores.cache import DEFAULT_GB
from wsol.datasets.stores.parts import opened
from wsol.datasets.stores.remote import RemoteStore
from wsol.errors import DataError

FILE = "file://"  # how the URL of what is on this machine begins


class RemotePath:
    """A file or folder below a URL. Folders are listed, each once; files are read through the store's cache.

    A name with ``..`` or from ``/`` on is not there, whatever the store has.

    Parameters
    ----------
    inside : the name below the store's root; empty for the root itself.
    above : whether it is of a folder that has the given one; nothing is there where that can't be listed.
    """

    def __init__(self, store: RemoteStore, inside: str = "", *, above: bool = False) -> None:
        self.store, self.inside, self._above = store, inside, above

    def __truediv__(self, name: str) -> RemotePath:
        inside = PurePosixPath(self.inside) / name
        return RemotePath(self.store, "" if inside == PurePosixPath() else str(inside), above=self._above)

    def __str__(self) -> str:
        return self.store.url_of(self.inside)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def as_posix(self) -> str:
        return str(self)

    @property
    def name(self) -> str:
        if self.inside:
            return PurePosixPath(self.inside).name
        last = self.store.url.rpartition("/")[2]
        return unquote(last) if self.store.web else last

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        if self.inside:
            inside = self.inside.rpartition("/")[0]
            return RemotePath(self.store, inside, above=self._above)
        above = self.store.above()
        return self if above is None else RemotePath(above, above=True)

    @property
    def parents(self) -> tuple[RemotePath, ...]:
        """The folder that it is in, the one around that, and so on."""
        return () if self.parent is self else (self.parent, *self.parent.parents)

    def relative_to(self, root: RemotePath) -> PurePosixPath:
        return PurePosixPath(self.inside).relative_to(root.inside)

    def is_dir(self) -> bool:
        if not self.inside:
            inside = self.listing()
            return bool(inside.folders or inside.files)
        return _has(self.parent.listing().folders, self.name)

    def is_file(self) -> bool:
        if not self.inside:  # a web server has a page for a folder, too
            return self.store.has("") and not (self.store.web and self.is_dir())
        return _has(self.parent.listing().files, self.name)

    def exists(self) -> bool:
        return self.is_dir() or self.is_file()

    def listing(self) -> Listing:
        """What is in it; nothing where it is not a folder. Raises DataError where it can't be listed."""
        if self._leads_out:
            return Listing((), ())
        try:
            return self.store.listing(self.inside)
        except DataError:
            if self._above:
                return Listing((), ())
            raise

    def read_bytes(self) -> bytes:
        """The content of a file. Raises DataError."""
        if self._leads_out:
            raise DataError(f"{self} can't be read: it leads out of {self.store.url}")
        return self.store.read(self.inside)

    def open(self, mode: Literal["rb"]) -> BinaryIO:
        """The file, read in parts; `mode` is as of a `Path`. Raises DataError, and so does reading it."""
        return opened(self.store, self.inside)

    def size(self) -> int | None:
        """Bytes of the file, where its server says so. Raises DataError where there is none."""
        return self.store.facts_at(self.inside)[0]

    def key(self) -> tuple[str, str] | None:
        """As `wsol.datasets.contents.key_of`; None where its server names no version."""
        size, version = self.store.facts_at(self.inside)
        return (str(self), f"{size}/{version}") if version else None

    @property
    def _leads_out(self) -> bool:
        return self.inside.startswith("/") or ".." in self.inside.split("/")


def _has(names: Sequence[str], name: str) -> bool:
    """Whether sorted names have one; there can be 50,000, and each is asked for."""
    place = bisect_left(names, name)
    return place < len(names) and names[place] == name


AnyPath = Path | RemotePath


def path_at(url: str, *, option: str, cache: Path | None, cache_gb: float) -> AnyPath:
    """What a URL names, which may not be there; a path for what is on this machine.

    Raises
    ------
    DataError : an unknown scheme, or one whose package is not installed.
    """
    if url.startswith(FILE):
        return Path(url.removeprefix(FILE))
    return RemotePath(RemoteStore.at(url, cache=cache, cache_gb=cache_gb, kind=FileKind("file", option)))


def existing_at(url: str, *, option: str, cache: Path | None, cache_gb: float = DEFAULT_GB) -> AnyPath:
    """As `path_at`; raises DataError, too, where nothing is there."""
    path = path_at(url, option=option, cache=cache, cache_gb=cache_gb)
    if not path.exists():
        raise DataError(
            f"there is nothing at {option}={url}: is there such a bucket, folder or "
            "file, and does its server list folders?"
        )
    return path

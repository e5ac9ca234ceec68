"""Images and masks in object stores and on web servers, by URL, through fsspec; copies are kept in a local cache."""

from __future__ import annotations

import copy
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from wsol.datasets.contents import content_digest, remember, remembered, verifying
from wsol.datasets.fields import short
from wsol.datasets.listing import Listing
from wsol.datasets.paths import check_inside
from wsol.datasets.stores.base import IMAGES, READERS, FileKind, ImageStore, Unreachable, check_listed
from wsol.datasets.stores.cache import FileCache
from wsol.datasets.stores.file_systems import GONE, Facts, facts_of, file_system, reason_of, status_of, tried
from wsol.environment import cache_dir
from wsol.errors import DataError

FEW = 50  # files of a folder up to which each is asked for, and the folder is not listed


class RemoteStore(ImageStore):
    """The files below `root` of a file system of fsspec."""

    def __init__(self, url: str, system: Any, root: str, cache: FileCache, *, kind: FileKind = IMAGES) -> None:
        self.url, self.root, self.cache, self.kind = url.rstrip("/"), root.rstrip("/"), cache, kind
        self._system, self._process = system, os.getpid()
        self.web = url.startswith(("http://", "https://"))  # names are quoted, and a listing says no sizes
        self.facts: dict[str, Facts] = {}
        self.listings: dict[str, Listing] = {}
        self.verifies, self.verified = verifying(), set[str]()  # each copy in the cache is then made anew, once

    @classmethod
    def at(cls, url: str, *, cache: Path | None, cache_gb: float, kind: FileKind = IMAGES) -> RemoteStore:
        """Raises DataError for an unknown scheme, and for one whose package is not installed."""
        system, root = file_system(url, option=kind.option)
        return cls(url, system, root, FileCache(cache or cache_dir() / "images", cache_gb), kind=kind)

    @property
    def system(self) -> Any:
        """The file system; a new one in a process that was forked, whose connections are its parent's."""
        if self._process != os.getpid():
            import fsspec

            self._system, self._process = fsspec.core.url_to_fs(self.url)[0], os.getpid()
        return self._system

    def of_kind(self, kind: FileKind) -> RemoteStore:
        """The same files under other words of messages; what is known of one is known of both."""
        other = copy.copy(self)
        other.kind = kind
        return other

    def at_folder(self, name: str) -> RemoteStore:
        """The store of a folder below the root."""
        return RemoteStore(self.url_of(name), self.system, self._path(name), self.cache, kind=self.kind)

    def above(self) -> RemoteStore | None:
        """The store of the folder that has this one; None where there is none."""
        scheme, separator, place = self.url.partition("://")
        if not place.rpartition("/")[0]:
            return None
        url, root = f"{scheme}{separator}{place.rpartition('/')[0]}", self.root.rpartition("/")[0]
        return RemoteStore(url, self.system, root, self.cache, kind=self.kind)

    def listing(self, folder: str) -> Listing:
        """What is in a folder, empty for the root; nothing where there is none. Each folder is listed once.

        Raises
        ------
        DataError : it can't be listed.
        """
        if folder not in self.listings:
            parent, _, base = folder.rpartition("/")
            there = not folder or base in self.listing(parent).folders  # so that no server is asked in vain
            self.listings[folder] = self._listed(folder) if there else Listing((), ())
        return self.listings[folder]

    def check(self, names: Collection[str]) -> None:
        check_inside(names, allow=f"{self.kind.what}s at a URL can't do that, and nothing")
        by_folder: dict[str, list[str]] = defaultdict(list)
        for name in names:
            by_folder[name.rpartition("/")[0]].append(name)
        folders = {folder: some for folder, some in by_folder.items() if not self.facts.keys() >= {*some}}
        listed = {} if self.web else {f: some for f, some in folders.items() if len(some) > FEW}
        alone = [name for folder, some in folders.items() if folder not in listed for name in some]
        try:
            with ThreadPoolExecutor(READERS) as pool:
                for found in pool.map(self._facts_in, listed):
                    self.facts |= found
                self.facts |= {n: f for n, f in zip(alone, pool.map(self._facts_of, alone), strict=True) if f}
        except Exception as error:  # each file system has its own
            raise DataError(f"{self.kind.option}={self.url} can't be listed: {reason_of(error)}") from error
        if names and not self.facts:
            raise DataError(
                f"none of the {len(names)} {self.kind.what}s is at {self.kind.option}={self.url}, first "
                f"{short(next(iter(names)))}; is there such a bucket or folder, and are the names of files relative to "
                "it?"
            )
        check_listed(names, self.facts, self.url, self.kind)

    def has(self, name: str) -> bool:
        """Whether there is such a file. Raises DataError where that can't be known."""
        with self._reported(name):
            facts = self._facts_of(name)
        if facts is not None:
            self.facts[name] = facts
        return facts is not None

    def place(self, name: str) -> str:
        return f"{self.url}/{name}" if name else self.url

    def url_of(self, name: str) -> str:
        """As `place`, with the characters quoted that a web server's URLs have quoted."""
        return self._path(name) if self.web else self.place(name)

    def facts_at(self, name: str) -> Facts:
        """Size and version of a file. Raises DataError where it is missing, Unreachable where that can't be known."""
        if name not in self.facts and not self.has(name):
            raise DataError(f"{self.kind.what} {short(name)} is missing: there is nothing at {self.place(name)}")
        return self.facts[name]

    def read(self, name: str) -> bytes:
        size, version = self.facts_at(name)
        return self._content(name, f"{size}\n{version}" if version else "", size)

    def read_part(self, name: str, start: int, end: int) -> bytes:
        """The bytes of a file from `start` to before `end`, which is not past its end. Raises as `read`."""
        size, version = self.facts_at(name)
        return self._content(name, f"{size}\n{version}\n{start}-{end}" if version else "", end - start, start=start)

    def _content(self, name: str, state: str, size: int | None, *, start: int | None = None) -> bytes:
        """`size` bytes of a file, of the cache where they are kept for a `state`, which is empty for an unknown one."""
        with self._reported(name):
            if not state:  # a copy might be of another content
                return self._fetch(name, size, start)
            key = f"{self.place(name)}\n{state}"
            fresh = self.verifies and key not in self.verified
            content = self.cache.get(key, lambda: self._fetch(name, size, start), size=size, fresh=fresh)
            self.verified.add(key)
            return content

    @contextmanager
    def _reported(self, name: str) -> Iterator[None]:
        """A block whose errors, of which each file system has its own, are about a file. Raises Unreachable."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            raise Unreachable(name, self.place(name), reason_of(error), self.kind.what) from error

    def digests(self, names: Sequence[str], *, lost: str | None = None) -> dict[str, str]:
        names = list(dict.fromkeys(names))
        keys = {n: (self.place(n), f"{size}/{v}") for n in names for size, v in [self.facts.get(n, (0, ""))] if v}
        known = {} if self.verifies else remembered("contents", list(keys.values()))

        def digest_of(name: str) -> str:
            try:
                return content_digest(self.read(name))
            except Unreachable:
                if lost is None:
                    raise
                return lost

        unread = [name for name in names if keys.get(name) not in known]
        with ThreadPoolExecutor(READERS) as pool:
            new = dict(zip(unread, pool.map(digest_of, unread), strict=True))
        remember("contents", {keys[name]: digest for name, digest in new.items() if name in keys and digest != lost})
        return {name: new[name] if name in new else known[keys[name]] for name in names}

    def _fetch(self, name: str, size: int | None, start: int | None) -> bytes:
        def fetch() -> bytes:
            part = {} if start is None or size is None else {"start": start, "end": start + size}
            content: bytes = self.system.cat_file(self._path(name), **part)
            if size not in (None, len(content)):
                asked = f"{size} were asked for" if part else f"was listed with {size}"
                raise OSError(f"it has {len(content)} bytes, and {asked}")
            return content

        return tried(fetch)

    def _path(self, name: str) -> str:
        return f"{self.root}/{quote(name) if self.web else name}" if name else self.root

    def _facts_of(self, name: str) -> Facts | None:
        """Of one file; None where there is none."""
        try:
            info = tried(lambda: self._info(name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if info.get("type") == "directory" else facts_of(info)

    def _info(self, name: str) -> dict[str, Any]:
        try:
            info: dict[str, Any] = self.system.info(self._path(name))
        except FileNotFoundError as error:
            cause = error.__cause__  # fsspec gives any failure of a web server this name
            if self.web and cause and not isinstance(cause, FileNotFoundError) and status_of(cause) not in GONE:
                raise cause from None
            raise
        return info

    def _facts_in(self, folder: str) -> dict[str, Facts]:
        """By name, of all files in a folder; empty where there is none."""
        infos = self._infos_in(folder)
        return {_within(folder, name): facts_of(info) for name, info in infos if info.get("type") != "directory"}

    def _listed(self, folder: str) -> Listing:
        """As `listing`, asking the file system; what it says of files is kept, where it says enough."""
        try:
            infos = self._infos_in(folder)
        except Exception as error:  # each file system has its own
            place = f"{self.kind.option}={self.place(folder)}"
            raise DataError(f"{place} can't be listed: {reason_of(error)}") from error
        folders = {name for name, info in infos if info.get("type") == "directory"}
        files = {name: info for name, info in infos if info.get("type") != "directory"}
        if not self.web:  # whose listings have neither sizes nor versions
            self.facts |= {_within(folder, name): facts_of(info) for name, info in files.items()}
        return Listing(tuple(sorted(folders)), tuple(sorted(files)))

    def _infos_in(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        """Name within a folder, and what the file system says of it; empty where there is no such folder."""
        path = self._path(folder).rstrip("/")
        try:
            infos = tried(lambda: self.system.ls(f"{path}/" if self.web else path, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []
        named = ((self._name_in(path, str(info["name"])), info) for info in infos)
        return [(name, info) for name, info in named if name]

    def _name_in(self, path: str, full: str) -> str:
        """The name within a folder of what its listing has; empty for the folder itself and what is not in it.

        On a web server these are all links of a page, to anywhere. They are not followed: only their names count.
        """
        inner = full.rstrip("/")
        head, _, name = inner.rpartition("/")
        if self.web:
            name = "" if unquote(head) != unquote(path) or "?" in name or "#" in name else unquote(name)
        return "" if inner.strip("/") == path.strip("/") or name in (".", "..") or "/" in name else name


def _within(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name

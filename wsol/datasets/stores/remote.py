"""Images and masks in object stores and on web servers, by URL, through fsspec; copies are kept in a local cache."""

from __future__ import annotations

import copy
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from wsol.datasets.contents import content_digest, remember, remembered, verifying
from wsol.datasets.fields import short
from wsol.datasets.listing import Listing
from wsol.datasets.paths import check_inside
from wsol.datasets.stores.base import IMAGES, READERS, FileKind, ImageStore, Unreachable, check_listed
from wsol.datasets.stores.cache import FileCache
from wsol.environment import cache_dir
from wsol.errors import DataError, unknown

log = logging.getLogger(__name__)

TRIES = 3
PAUSE = 0.5  # seconds before the second try, twice as long before the third
FEW = 50  # files of a folder up to which each is asked for, and the folder is not listed
VERSIONS = (  # what file systems call that which changes with the content, surest first
    *("ETag", "etag", "md5Hash", "Content-MD5", "content_md5", "Digest"),
    *("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created"),
)
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ImportError, ValueError)
GONE = (404, 410)  # how web servers say that there is no such file
T = TypeVar("T")
Facts = tuple[int | None, str]  # size in bytes, and version; empty where the store names none


class RemoteStore(ImageStore):
    """The files below `root` of a file system of fsspec."""

    def __init__(self, url: str, system: Any, root: str, cache: FileCache, *, kind: FileKind = IMAGES) -> None:
        self.url, self.root, self.cache, self.kind = url.rstrip("/"), root.rstrip("/"), cache, kind
        self._system, self._process = system, os.getpid()
        self.web = url.startswith(("http://", "https://"))  # names are quoted, and folders can't be listed
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
            raise DataError(f"{self.kind.option}={self.url} can't be listed: {_reason(error)}") from error
        if names and not self.facts:
            raise DataError(
                f"none of the {len(names)} {self.kind.what}s is at {self.kind.option}={self.url}, first "
                f"{short(next(iter(names)))}; is there such a bucket or folder, and are the names of files relative to "
                "it?"
            )
        check_listed(names, self.facts, self.url, self.kind)

    def has(self, name: str) -> bool:
        """Whether there is such a file. Raises DataError where that can't be known."""
        try:
            facts = self._facts_of(name)
        except Exception as error:  # each file system has its own
            raise Unreachable(name, self.place(name), _reason(error), self.kind.what) from error
        if facts is not None:
            self.facts[name] = facts
        return facts is not None

    def place(self, name: str) -> str:
        return f"{self.url}/{name}" if name else self.url

    def url_of(self, name: str) -> str:
        """As `place`, with the characters quoted that a web server's URLs have quoted."""
        return self._path(name) if self.web else self.place(name)

    def read(self, name: str) -> bytes:
        try:
            facts = self.facts.get(name) or self._facts_of(name)
            if facts is None:
                raise DataError(f"{self.kind.what} {short(name)} is missing: there is nothing at {self.place(name)}")
            size, version = facts
            if not version:  # a copy might be of another content
                return self._fetch(name, size)
            key = f"{self.place(name)}\n{size}\n{version}"
            fresh = self.verifies and name not in self.verified
            content = self.cache.get(key, lambda: self._fetch(name, size), size=size, fresh=fresh)
            self.verified.add(name)
            return content
        except DataError:
            raise
        except Exception as error:  # each file system has its own
            raise Unreachable(name, self.place(name), _reason(error), self.kind.what) from error

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

    def _fetch(self, name: str, size: int | None) -> bytes:
        def fetch() -> bytes:
            content: bytes = self.system.cat_file(self._path(name))
            if size not in (None, len(content)):
                raise OSError(f"it has {len(content)} bytes, and was listed with {size}")
            return content

        return _tried(fetch)

    def _path(self, name: str) -> str:
        return f"{self.root}/{quote(name) if self.web else name}" if name else self.root

    def _facts_of(self, name: str) -> Facts | None:
        """Of one file; None where there is none."""
        try:
            info = _tried(lambda: self._info(name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if info.get("type") == "directory" else _facts(info)

    def _info(self, name: str) -> dict[str, Any]:
        try:
            info: dict[str, Any] = self.system.info(self._path(name))
        except FileNotFoundError as error:
            cause = error.__cause__  # fsspec gives any failure of a web server this name
            if self.web and cause and not isinstance(cause, FileNotFoundError) and _status(cause) not in GONE:
                raise cause from None
            raise
        return info

    def _facts_in(self, folder: str) -> dict[str, Facts]:
        """By name, of all files in a folder; empty where there is none."""
        infos = self._infos_in(folder)
        return {_within(folder, name): _facts(info) for name, info in infos if info.get("type") != "directory"}

    def _listed(self, folder: str) -> Listing:
        """As `listing`, asking the file system; what it says of files is kept, where it says enough."""
        try:
            infos = self._infos_in(folder)
        except Exception as error:  # each file system has its own
            place = f"{self.kind.option}={self.place(folder)}"
            raise DataError(f"{place} can't be listed: {_reason(error)}") from error
        folders = {name for name, info in infos if info.get("type") == "directory"}
        files = {name: info for name, info in infos if info.get("type") != "directory"}
        if not self.web:  # whose listings have neither sizes nor versions
            self.facts |= {_within(folder, name): _facts(info) for name, info in files.items()}
        return Listing(tuple(sorted(folders)), tuple(sorted(files)))

    def _infos_in(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        """Name within a folder, and what the file system says of it; empty where there is no such folder."""
        path = self._path(folder).rstrip("/")
        try:
            infos = _tried(lambda: self.system.ls(f"{path}/" if self.web else path, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []
        named = ((self._name_in(path, str(info["name"])), info) for info in infos)
        return [(name, info) for name, info in named if name]

    def _name_in(self, path: str, full: str) -> str:
        """The name within a folder of what its listing has; empty for the folder itself and what is not in it.

        On a web server these are all links of a page, to anywhere.
        """
        inner = full.rstrip("/")
        head, _, name = inner.rpartition("/")
        if self.web:
            name = "" if head != path or "?" in name or "#" in name else unquote(name)
        return "" if inner.strip("/") == path.strip("/") or name in (".", "..") or "/" in name else name


def file_system(url: str, *, option: str) -> tuple[Any, str]:
    """The file system of fsspec that has what is at a URL, and its path there.

    Raises DataError for an unknown scheme, and for one whose package is not installed.
    """
    try:
        import fsspec
    except ImportError as error:
        raise DataError(f"{option}={url} needs fsspec; pip install 'wsol[cloud]'") from error
    scheme = url.partition("://")[0].rpartition("::")[2]
    if scheme not in (known := fsspec.available_protocols()):
        raise unknown(f"URL scheme for {option}:", f"{scheme}://", [f"{s}://" for s in known], error=DataError)
    try:
        system, root = fsspec.core.url_to_fs(url)
    except ImportError as error:  # fsspec names the package of the scheme
        raise DataError(f"{option}={url} needs another package: {error}") from error
    except Exception as error:  # each file system checks its URLs in its own way
        raise DataError(f"{option}={url} can't be opened: {_reason(error)}") from error
    system.invalidate_cache()  # a process that asks twice wants to know what is there now
    return system, root


def _within(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _facts(info: dict[str, Any]) -> Facts:
    return info.get("size"), next((f"{name} {info[name]}" for name in VERSIONS if info.get(name)), "")


def _status(error: BaseException) -> object:
    """The number that a web server answered with; None where it didn't."""
    return getattr(error, "status", None)


def _tried(call: Callable[[], T]) -> T:
    """What `call` gives, in at most `TRIES`. Raises what its last one raised."""
    for number in range(TRIES - 1):
        try:
            return call()
        except FINAL:
            raise
        except Exception as error:  # each file system has its own
            log.debug("try %d of %d failed: %s", number + 1, TRIES, error)
            time.sleep(PAUSE * 2**number)
    return call()


def _reason(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text if isinstance(error, FINAL) else f"{text}; tried {TRIES} times"

"""What files hold, as digests of their bytes; remembered by path, size and times, so that a file is read once.

A file counts as known where its device, inode, size, time of modification and time of change are what they were; the
last one moves whenever the content does, whatever a copying tool does to the others. On a file system that keeps no
such times, `reading_all` reads every file again.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.environment import cache_dir

if TYPE_CHECKING:
    from wsol.datasets.stores.remote_path import AnyPath

log = logging.getLogger(__name__)

ABSENT = "-"
SETTLED_NS = 2 * 10**9  # a file that changed a moment ago may change again within one tick of its clock
MANY = 2000  # files whose reading takes long enough for a line in the log
Key = tuple[str, str]  # what a fact is about, and its state: a path, and its device, inode, size and times
_verifying: ContextVar[bool] = ContextVar("verifying", default=False)


@contextmanager
def reading_all() -> Iterator[None]:
    """A block in which no remembered digest is trusted: each file is read again, and its digest remembered anew."""
    before = _verifying.set(True)
    try:
        yield
    finally:
        _verifying.reset(before)


def verifying() -> bool:
    """Whether all files are to be read."""
    return _verifying.get()


def content_digest(content: bytes) -> str:
    """16 hex digits of some bytes."""
    return blake2b(content, digest_size=8).hexdigest()


def content_digests(paths: Sequence[Path]) -> list[str]:
    """The digest of each file's bytes; `ABSENT` where there is none. Files seen before are not read again.

    In a block of `reading_all` they are, and files that differ from their remembered digests are named.
    """
    keys = [key_of(path) for path in paths]
    known = remembered("contents", [key for key in keys if key])
    unread = [(path, key) for path, key in zip(paths, keys, strict=True) if key and (verifying() or key not in known)]
    if len(unread) > MANY or (verifying() and unread):
        log.info("reading %d files once, to know runs by their contents", len(unread))
    with ThreadPoolExecutor(16) as pool:
        new = dict(zip((key for _, key in unread), pool.map(_read, (path for path, _ in unread)), strict=True))
    remember("contents", {key: digest for key, digest in new.items() if settled(key) and digest != ABSENT})
    changed = [key[0] for key, digest in new.items() if known.get(key, digest) != digest]
    if changed:
        log.warning(
            "%d of %d files differ from when they were first read, though their sizes and times are the same: first %s",
            len(changed),
            len(paths),
            changed[0],
        )
    known |= new
    return [known[key] if key else ABSENT for key in keys]


def contents_of(folder: Path | str | None, names: Iterable[str]) -> dict[str, str]:
    """Name to a digest of the file's bytes; empty without a folder, and ``-`` for a file that is not there."""
    if folder is None:
        return {}
    root = Path(folder).expanduser()
    unique = list(dict.fromkeys(names))
    return dict(zip(unique, content_digests([root / name for name in unique]), strict=True))


def fingerprint_of(lines: Iterable[str]) -> str:
    """16 hex digits of some lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def key_of(path: AnyPath) -> Key | None:
    """A file and its state; None where there is none, and for one at a URL whose server names no version."""
    if not isinstance(path, Path):
        return path.key()
    try:
        stat = path.stat() if path.is_file() else None
    except (OSError, ValueError):
        return None
    times = stat and f"{stat.st_mtime_ns}/{stat.st_ctime_ns}"
    return stat and (str(path.resolve()), f"{stat.st_dev}/{stat.st_ino}/{stat.st_size}/{times}")


def settled(key: Key) -> bool:
    """Whether a file's last change is so long ago that another would show in its times."""
    if "://" in key[0]:  # the version of a file at a URL changes with its content
        return True
    return int(key[1].rsplit("/", 1)[1]) < time.time_ns() - SETTLED_NS


def _read(path: Path) -> str:
    digest = blake2b(digest_size=8)
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError:
        return ABSENT
    return digest.hexdigest()


def _open(kind: str) -> sqlite3.Connection:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    table = sqlite3.connect(folder / f"{kind}.sqlite", timeout=10)
    table.execute(f"CREATE TABLE IF NOT EXISTS {kind} (path TEXT PRIMARY KEY, state TEXT, digest TEXT)")
    return table


def remembered(kind: str, keys: Sequence[Key]) -> dict[Key, str]:
    """The facts of a kind that `remember` was given before; a fact of another state is none."""
    try:
        with closing(_open(kind)) as table:
            found: dict[Key, str] = {}
            for start in range(0, len(keys), 500):
                some = dict(keys[start : start + 500])
                marks = ",".join("?" * len(some))
                rows = table.execute(f"SELECT path, state, digest FROM {kind} WHERE path IN ({marks})", list(some))
                found |= {(path, state): digest for path, state, digest in rows if some[path] == state}
            return found
    except (OSError, ValueError, sqlite3.Error):  # nothing is remembered where nothing can be written
        return {}


def remember(kind: str, new: Mapping[Key, str]) -> None:
    """Keep facts for the next process; nothing where nothing can be written."""
    try:
        if new:
            with closing(_open(kind)) as table, table:
                rows = [(path, state, digest) for (path, state), digest in new.items()]
                table.executemany(f"INSERT OR REPLACE INTO {kind} VALUES (?, ?, ?)", rows)
    except (OSError, ValueError, sqlite3.Error) as error:
        log.debug("%s are not remembered: %s", kind, error)

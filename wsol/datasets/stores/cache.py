"""A folder of copies of remote files, with a limit on its size; any number of processes may share it."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

GB = 10**9
DEFAULT_GB = 20.0
OWN = re.compile(r"[0-9a-f]{64}(\.\d+-\d+\.part)?")  # names of its files, the half-written ones of a dead process too
LOW = 0.9  # of the limit: what is left after files were removed, so that not every new one removes another
RECOUNT = 0.02  # of the limit: after so many bytes of its own, a process looks at what others wrote


class FileCache:
    """Files by key; the least recently used are removed when the limit is passed.

    A file appears whole, by a rename. What can't be written, as on a full disk, is not kept, and nothing fails.

    Parameters
    ----------
    gb : limit in 10^9 bytes; 0 keeps nothing. Each process passes it by `RECOUNT` of it at most.
    """

    def __init__(self, folder: Path, gb: float) -> None:
        self.folder, self.limit = folder.expanduser(), int(gb * GB)
        self._total: int | None = None  # bytes in the folder when they were last counted, and what was written since
        self._written = 0

    def get(self, key: str, fetch: Callable[[], bytes], *, size: int | None = None, fresh: bool = False) -> bytes:
        """The content kept for `key`, or what `fetch` gives, which is kept.

        Parameters
        ----------
        size : bytes that the content has, where that is known; a kept file of another size does not count.
        fresh : what is kept does not count.
        """
        name = hashlib.sha256(key.encode()).hexdigest()
        path = self.folder / name[:2] / name
        try:
            content = b"" if fresh else path.read_bytes()
            if not fresh and size in (None, len(content)):
                os.utime(path)  # used now
                return content
        except OSError:
            pass
        content = fetch()
        if len(content) <= self.limit * LOW:
            self._keep(path, content)
        return content

    def _keep(self, path: Path, content: bytes) -> None:
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            log.debug("%s is not kept: %s", path, error)
            with suppress(OSError):
                part.unlink()
            return
        self._written += len(content)
        if self._total is None or self._total + self._written > self.limit or self._written > self.limit * RECOUNT:
            self._shrink()

    def _shrink(self) -> None:
        """Count anew, and remove the least recently used files until `LOW` of the limit is left."""
        files = []
        for path in self.folder.glob("??/*"):
            if not OWN.fullmatch(path.name):  # somebody else's
                continue
            try:
                stat = path.stat()
                files.append((stat.st_mtime_ns, stat.st_size, path))
            except OSError:  # another process removed it
                continue
        total = sum(size for _, size, _ in files)
        if total > self.limit:
            for _, size, path in sorted(files):
                if total <= self.limit * LOW:
                    break
                path.unlink(missing_ok=True)  # a reader that has it open reads on
                total -= size
        self._total, self._written = total, 0

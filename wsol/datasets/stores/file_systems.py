"""The file systems of fsspec that have what is at URLs: how they are opened, and tried again after a failure."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from wsol.errors import DataError, unknown

log = logging.getLogger(__name__)

TRIES = 3
PAUSE = 0.5  # seconds before the second try, twice as long before the third
VERSIONS = (  # what file systems call that which changes with the content, surest first
    *("ETag", "etag", "md5Hash", "Content-MD5", "content_md5", "Digest"),
    *("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created"),
)
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ImportError, ValueError)
GONE = (404, 410)  # how web servers say that there is no such file
T = TypeVar("T")
Facts = tuple[int | None, str]  # size in bytes, and version; empty where the store names none


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
        raise DataError(f"{option}={url} can't be opened: {reason_of(error)}") from error
    system.invalidate_cache()  # a process that asks twice wants to know what is there now
    return system, root


def facts_of(info: dict[str, Any]) -> Facts:
    return info.get("size"), next((f"{name} {info[name]}" for name in VERSIONS if info.get(name)), "")


def status_of(error: BaseException) -> object:
    """The number that a web server answered with; None where it didn't."""
    return getattr(error, "status", None)


def tried(call: Callable[[], T]) -> T:
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


def reason_of(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text if isinstance(error, FINAL) else f"{text}; tried {TRIES} times"

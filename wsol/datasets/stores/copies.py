"""Annotation files at a URL, as copies on this machine: readers open them by their path."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from wsol.datasets.stores.base import FileKind
from wsol.datasets.stores.remote import RemoteStore
from wsol.datasets.stores.remote_path import AnyPath, RemotePath
from wsol.environment import cache_dir
from wsol.errors import DataError

FOLDER = "annotations"  # in the cache folder


def copied_file(url: str, *, option: str, cache: Path | None, cache_gb: float) -> Path:
    """A copy of the file at a URL, as it is there now. Raises DataError where it can't be fetched."""
    folder, _, name = url.rpartition("/")
    path = copied_folder(folder, [name], option=option, cache=cache, cache_gb=cache_gb) / name
    if not path.is_file():
        raise DataError(f"{option}={url} is missing: there is nothing at that URL")
    return path


def copied_folder(url: str, names: Sequence[str], *, option: str, cache: Path | None, cache_gb: float) -> Path:
    """A folder with copies of those of some files that are at a URL now. Raises DataError where one can't be fetched.

    Parameters
    ----------
    cache, cache_gb : of the content, which is fetched once as long as the store says that it is the same.
    """
    return _copied(RemoteStore.at(url, cache=cache, cache_gb=cache_gb, kind=FileKind("file", option)), names)


def copied(folder: AnyPath, names: Sequence[str]) -> Path:
    """A folder that is on this machine, or copies of those of some files that are in one at a URL. Raises DataError."""
    return _copied(folder.store.at_folder(folder.inside), names) if isinstance(folder, RemotePath) else folder


def _copied(store: RemoteStore, names: Sequence[str]) -> Path:
    option, url = store.kind.option, store.url
    folder = cache_dir() / FOLDER / hashlib.sha256(store.url.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if store.has(name):
                _write(folder / name, store.read(name))
            else:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{option}={url} can't be copied to {folder}: {error.strerror or error}") from error
    return folder


def _write(path: Path, content: bytes) -> None:
    """Make a file whole, by a rename; one with that content stays, and with it what is remembered of it."""
    if path.is_file() and path.read_bytes() == content:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)

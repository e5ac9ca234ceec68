"""From the option `images` or `masks` to what holds them: a folder, tar archives, or an object store named by a URL."""

from __future__ import annotations

from pathlib import Path

from wsol.datasets.paths import is_url
from wsol.datasets.stores.archives import TarStore, archives_at
from wsol.datasets.stores.base import IMAGES, FileKind, FolderStore, ImageStore
from wsol.datasets.stores.remote import RemoteStore
from wsol.datasets.stores.remote_path import RemotePath


def open_store(
    files: Path | str, *, outside: bool, cache: Path | None, cache_gb: float, kind: FileKind = IMAGES
) -> ImageStore:
    """The store that an option names; `cache` and `cache_gb` are for those that are elsewhere.

    Raises
    ------
    DataError : a URL of an unknown scheme, or one whose package is not installed; an archive that can't be read.
    """
    if is_url(files):
        store = RemoteStore.at(str(files), cache=cache, cache_gb=cache_gb, kind=kind)
        shards = archives_at(RemotePath(store.of_kind(FileKind("file", kind.option))))
        return TarStore(store.url, shards, kind=kind) if shards else store
    archives = archives_at(Path(files).expanduser())
    if archives:
        return TarStore(str(files), archives, kind=kind)
    return FolderStore(files, outside=outside, kind=kind)

"""From the option `images` to what holds them: a folder, tar archives, or an object store named by a URL."""

from __future__ import annotations

from pathlib import Path

from wsol.datasets.paths import is_url
from wsol.datasets.stores.archives import TarStore, archives_at
from wsol.datasets.stores.base import FolderStore, ImageStore
from wsol.datasets.stores.remote import RemoteStore


def open_store(images: Path | str, *, outside: bool, cache: Path | None, cache_gb: float) -> ImageStore:
    """The store that the option `images` names; `cache` and `cache_gb` are for those that are elsewhere.

    Raises
    ------
    DataError : a URL of an unknown scheme, or one whose package is not installed; an archive that can't be read.
    """
    if is_url(images):
        return RemoteStore.at(str(images), cache=cache, cache_gb=cache_gb)
    archives = archives_at(Path(images).expanduser())
    return TarStore(str(images), archives) if archives else FolderStore(images, outside=outside)

"""What a folder holds, by name alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from wsol.datasets.stores.remote_path import AnyPath

T = TypeVar("T")
READERS = 16  # threads: they wait for a network

IMAGE_SUFFIXES = frozenset((".jpeg", ".jpg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm"))


@dataclass(frozen=True, slots=True)
class Listing:
    """Names in a folder, sorted; links count as what they lead to."""

    folders: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def images(self) -> tuple[str, ...]:
        """The files that are images by their suffix."""
        return tuple(name for name in self.files if is_image(name))


def listing(folder: AnyPath) -> Listing:
    """What is in a folder; nothing where there is none, or it may not be read on this machine.

    Raises
    ------
    DataError : it is at a URL, and its server does not list it.
    """
    if not isinstance(folder, Path):
        return folder.listing()
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                (folders if entry.is_dir() else files).append(entry.name)
    except (OSError, ValueError):
        return Listing((), ())
    return Listing(tuple(sorted(folders)), tuple(sorted(files)))


def for_each(call: Callable[[AnyPath], T], paths: Sequence[AnyPath]) -> Iterable[T]:
    """What `call` gives for each path, in their order; for those at a URL in threads, which wait for its server."""
    if not paths or isinstance(paths[0], Path):
        return map(call, paths)
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(call, paths))


def is_image(name: str) -> bool:
    """Whether a file is an image by its suffix; macOS's ``._1.jpg`` are not."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("._")


def is_there(path: AnyPath) -> bool:
    """Whether a path is a file; false for what can't be a path at all, such as a name that is too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False

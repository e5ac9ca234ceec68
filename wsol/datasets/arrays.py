"""Arrays in .npy and .npz files: their headers are read first, so that Python objects and giant arrays never are."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from wsol.datasets.checks import MOST_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_npy(file: IO[bytes]) -> NDArray[Any]:
    """The array in a .npy file. Raises ValueError for objects and for more values than an image can have pixels."""
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it is of an unknown version of .npy, {version}")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read, since that would run their code")
    if prod(shape) > MOST_PIXELS:
        raise ValueError(f"its shape is {shape}; at most {MOST_PIXELS} values are read")
    file.seek(0)
    return np.asarray(npy.read_array(file, allow_pickle=False))


def load_npy(path: Path) -> NDArray[Any]:
    """See `read_npy`."""
    if not path.is_file():  # reading a pipe would wait for its writer forever
        raise ValueError("it is not a file")
    with path.open("rb") as file:
        return read_npy(file)


class Npz:
    """The arrays of a .npz file by name, read one at a time, from any thread. Raises ValueError as `read_npy`."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            if file.read(6) == b"\x93NUMPY":
                raise ValueError("it holds a single array (.npy) without names; save it with np.savez(FILE, **arrays)")
        with _zip_errors():
            self._archive = zipfile.ZipFile(path)
            names = [name.removesuffix(".npy") for name in self._archive.namelist() if name.endswith(".npy")]
        self.names = tuple(sorted(names))
        self._lock = Lock()

    def __getitem__(self, name: str) -> NDArray[Any]:
        with self._lock, _zip_errors(), self._archive.open(f"{name}.npy") as file:
            return read_npy(file)


@contextmanager
def _zip_errors() -> Iterator[None]:
    """A block whose errors, of which zip files have many kinds, are ValueErrors."""
    try:
        yield
    except (ValueError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(str(error)[:200] or type(error).__name__) from error  # zipfile quotes headers whole

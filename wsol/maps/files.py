"""Score maps on disk, by image id: a folder of .npy files, one .npz, or one .safetensors."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol.datasets.arrays import Npz, load_npy
from wsol.datasets.contents import content_digests, fingerprint_of
from wsol.datasets.paths import existing, is_folder
from wsol.errors import DataError, MapError

Map = NDArray[np.float64]
MOST_BYTES = 4096 * 4096 * 8 + 4096  # a map of 4096 x 4096 as float64, and its header


@dataclass(frozen=True, slots=True)
class MapFiles:
    """Maps by name, read one at a time.

    Attributes
    ----------
    path : the folder or file.
    names : all names, sorted: a folder's paths below it without ``.npy``, or an archive's keys.
    fingerprint : changes with the names and contents of the files, so that rows of other maps are not taken for these.
    """

    path: Path
    names: tuple[str, ...]
    fingerprint: str
    _array: Callable[[str], NDArray[Any]]

    def load(self, name: str, *, image_id: str) -> Map:
        """The map as (h, w) float64; whole numbers of 8 bits become 0..1.

        Raises
        ------
        MapError : it can't be read, is not (h, w) or has values that are NaN, infinite or no numbers.
        """
        try:
            array = self._array(name)
        except (MapError, DataError):
            raise
        except Exception as error:  # numpy, zipfile and safetensors each raise their own
            raise MapError(f"the map of {image_id!r} can't be read from {self.path}: {error}") from error
        return checked(array, image_id=image_id)

    def of(self, image_ids: Sequence[str]) -> dict[str, str]:
        """By image id, the name of its map: the id itself, or the id without its extension.

        Raises
        ------
        DataError : an image has no map, or a map belongs to no image; how many, and the first.
        """
        known = set(self.names)
        by_id = {i: name for i in image_ids for name in (_stem(i), i) if name in known}
        missing = [i for i in image_ids if i not in by_id]
        if missing:
            raise DataError(self._missing(missing, len(image_ids)))
        if len(set(by_id.values())) < len(by_id):
            owners: dict[str, str] = {}
            a, b = next((owners[n], i) for i, n in by_id.items() if owners.setdefault(n, i) != i)
            raise DataError(f"images {a!r} and {b!r} would share the map {by_id[b]!r}; name maps by the whole id")
        extra = sorted(known - set(by_id.values()))
        if extra:
            raise DataError(
                f"{len(extra)} of {len(known)} maps in {self.path} belong to no image of the annotations, "
                f"first {extra[0]!r}"
            )
        return by_id

    def _missing(self, missing: Sequence[str], count: int) -> str:
        first = missing[0]
        sentence = f"{len(missing)} of {count} images have no map in {self.path}, first {first!r}"
        tails = {f"/{name}" for name in (first, _stem(first))}
        deeper = next((n for n in self.names if any(n.endswith(tail) for tail in tails)), None)
        if deeper is not None and self.path.is_dir():
            folder = next(deeper.removesuffix(tail) for tail in tails if deeper.endswith(tail))
            return f"{sentence}; did you mean --maps {self.path / folder}?"
        expected = f"{first}.npy" if self.path.is_dir() else first
        near = f"; the first map there is {self.names[0]!r}" if self.names else "; there is no map at all"
        return f"{sentence} (expected {expected!r}{near})"


def checked(array: NDArray[Any], *, image_id: str) -> Map:
    """Any array as a map (h, w), float64. Raises MapError, see `MapFiles.load`."""
    if array.dtype.kind not in "fiub":
        raise MapError(f"the map of {image_id!r} holds {array.dtype}, not real numbers")
    if array.ndim > 2:
        array = array.reshape([n for n in array.shape if n != 1] if array.size != 1 else (1, 1))
    if array.ndim != 2 or array.size == 0:
        raise MapError(f"the map of {image_id!r} has shape {array.shape}; a map is (h, w)")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        raise MapError(f"the map of {image_id!r} has {nan} NaN and {infinite} infinite values of {values.size}")
    # v / 255 comes back as v from floor(255 map) for all 256 levels
    return values / 255 if array.dtype == np.uint8 else values


def open_maps(path: Path) -> MapFiles:
    """The maps under a path. Raises DataError where there are none, MapError for a damaged archive."""
    if is_folder(path):
        return _folder(path)
    existing(path, option="--maps", folder=False)
    if path.suffix == ".npz":
        return _archive(path)
    if path.suffix == ".safetensors":
        return _tensors(path)
    raise DataError(f"--maps {path}: give a folder of .npy files, one .npz, or one .safetensors")


def _folder(path: Path) -> MapFiles:
    names: list[str] = []
    for parent, _, files in os.walk(path):
        below = Path(parent).relative_to(path)
        names += [(below / name).as_posix().removesuffix(".npy") for name in files if name.endswith(".npy")]
    if not names:
        raise DataError(f"--maps {path} has no .npy file in it")
    names.sort()
    digests = content_digests([path / f"{name}.npy" for name in names])
    lines = [f"{name}\t{digest}" for name, digest in zip(names, digests, strict=True)]
    return MapFiles(path, tuple(names), fingerprint_of(lines), lambda name: load_npy(path / f"{name}.npy"))


def _archive(path: Path) -> MapFiles:
    try:
        stored = Npz(path)
    except (OSError, ValueError) as error:
        raise MapError(f"--maps {path} is not a readable .npz archive: {error}") from error
    return MapFiles(path, stored.names, _of_file(path, stored.names), stored.__getitem__)


def _check_bytes(size: int) -> None:
    """Raises MapError for an array that takes more memory than any map should, however small its file is."""
    if size > MOST_BYTES:
        raise MapError(f"it takes {size / 2**20:.0f} MB, and a map may take {MOST_BYTES / 2**20:.0f}")


def _tensors(path: Path) -> MapFiles:
    from safetensors import safe_open

    try:
        stored = safe_open(path, framework="numpy")
        names = sorted(str(n) for n in stored.keys())  # type: ignore[no-untyped-call]  # noqa: SIM118
    except Exception as error:
        raise MapError(f"--maps {path} is not a readable safetensors file: {error}") from error

    def array(name: str) -> NDArray[Any]:
        shape = stored.get_slice(name).get_shape()  # type: ignore[no-untyped-call]
        _check_bytes(math.prod(shape))
        if stored.get_slice(name).get_dtype() == "BF16":  # type: ignore[no-untyped-call]
            return _bfloat16(path, name)
        return np.asarray(stored.get_tensor(name))  # type: ignore[no-untyped-call]

    return MapFiles(path, tuple(names), _of_file(path, names), array)


def _bfloat16(path: Path, name: str) -> NDArray[np.float32]:
    """A tensor of bfloat16, which NumPy lacks: the upper halves of float32, behind a header of JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        about = json.loads(file.read(length))[name]
        start, end = about["data_offsets"]
        file.seek(8 + length + start)
        halves = np.frombuffer(file.read(end - start), "<u2").astype(np.uint32)
    return (halves << 16).view(np.float32).reshape(about["shape"])


def _of_file(path: Path, names: Iterable[str]) -> str:
    return fingerprint_of([*content_digests([path]), *names])


def _stem(name: str) -> str:
    """An id without its extension; ``a.b/c`` has none."""
    head, dot, tail = name.rpartition(".")
    return head if dot and "/" not in tail and head and not head.endswith("/") else name

"""Raw maps that a run keeps, at the resolution of their layers, so that later questions need no network.

Beside the rows, .safetensors files of a shard or of a part of it: arrays as they are in memory, mapped from the disk
when they are asked for, in a format that can't run code. With them are the logits and what else a row says of an image
and a map, so that rows made of kept maps are those that the network would give.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import first_line
from wsol.runs.row_files import report
from wsol.runs.shards import content_hash
from wsol.runs.write import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "maps"  # of the folder
VERSION = 2  # of its files; others are made again
KEY = "wsol"  # among a file's metadata
OPEN = 64  # files that may be mapped at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Arrays of some images under one view: the maps of a variant, or, of the variant "", the logits.

    Attributes
    ----------
    values : (n, cells) the cells of the maps of all crops, or (n, C) logits, in the order of `image_ids`.
    shapes : (h, w) of the map of each crop.
    digests : of the images' pixels, beside the logits.
    full, shallow : what localization must know of a variant's maps.
    deepest : of each crop, the height of the network's deepest stage, which fusion asks for.
    counted : by image, forwards, backwards and partial forwards of a map; `shared` of these in the pass that the layers
        of a fused variant share.
    failures : by image id, the first line of what went wrong.
    exact : the values are those of the network, not rounded.
    """

    view: str
    variant: str
    image_ids: tuple[str, ...]
    values: NDArray[Any]
    shapes: tuple[tuple[int, int], ...] = ()
    digests: tuple[str, ...] = ()
    full: bool = False
    shallow: bool = False
    deepest: tuple[int, ...] = ()
    counted: tuple[tuple[float, ...], ...] = ()
    shared: tuple[float, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a `Kept` on the disk: where it is, and what is known of it."""

    file: Path
    name: str
    row: int
    about: Mapping[str, Any]

    @property
    def values(self) -> NDArray[Any]:
        """(cells,) or (C,), as they are kept."""
        values: NDArray[Any] = _array(self.file, self.file.stat().st_mtime_ns, self.name)[self.row]
        return values

    @property
    def maps(self) -> list[NDArray[Any]]:
        """(h, w) of each crop, float32 or wider."""
        values, shapes = self.values, self.about["shapes"]
        wide = values.astype(np.float32) if values.dtype == np.float16 else values
        ends = np.cumsum([high * long for high, long in shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(wide, ends[:-1]), shapes, strict=True)]

    @property
    def counted(self) -> Sequence[float]:
        """Forwards, backwards and partial forwards."""
        counted: Sequence[float] = self.about["counted"][self.row]
        return counted

    @property
    def failure(self) -> str | None:
        """The first line of what went wrong."""
        failure: str | None = self.about["failures"].get(self.about["image_ids"][self.row])
        return failure


Index = Mapping[tuple[str, str, str], Entry]  # by view, variant key and image id


def write(run: Path, shard: int, kept: Sequence[Kept]) -> Path:
    """Write what was computed of a shard, as one file that readers see whole or not at all."""
    from safetensors.numpy import save

    arrays = {str(n): np.ascontiguousarray(one.values) for n, one in enumerate(kept)}
    entries = [
        {
            "view": one.view,
            "variant": one.variant,
            "image_ids": one.image_ids,
            "shapes": one.shapes,
            "digests": one.digests,
            "full": one.full,
            "shallow": one.shallow,
            "deepest": one.deepest,
            "counted": one.counted,
            "shared": one.shared,
            "failures": dict(one.failures),
            "exact": one.exact,
            "checksum": _checksum(arrays[str(n)]),
        }
        for n, one in enumerate(kept)
    ]
    content = save(arrays, {KEY: json.dumps({"version": VERSION, "entries": entries})})
    held = sorted((one.view, one.variant, one.image_ids, one.exact) for one in kept)
    place = run / NAME / f"shard-{shard:05d}-{content_hash({'held': held})}.safetensors"
    write_whole(place, lambda beside: beside.write_bytes(content))
    return place


def read(run: Path, shard: int) -> Index:
    """What is kept of a shard; damaged files are reported and left out. Exact values come before rounded ones."""
    index: dict[tuple[str, str, str], Entry] = {}
    for file in sorted((run / NAME).glob(f"shard-{shard:05d}-*.safetensors")):
        for name, about in enumerate(_entries(file)):
            for row, image_id in enumerate(about["image_ids"]):
                key = about["view"], about["variant"], image_id
                if about["exact"] or key not in index:
                    index[key] = Entry(file, str(name), row, about)
    return index


def has_any(run: Path) -> bool:
    """Whether a run keeps maps at all."""
    return next((run / NAME).glob("shard-*.safetensors"), None) is not None


def _entries(file: Path) -> Sequence[Mapping[str, Any]]:
    """What a file says of its arrays, none of which is damaged."""
    try:
        modified = file.stat().st_mtime_ns
        if not file.is_file():
            raise ValueError("it is not a file")  # reading a pipe would wait for ever
        return _checked(file, modified)
    except FileNotFoundError:
        return []
    except Exception as error:  # safetensors raises its own
        report(file, first_line(error))
        return []


@lru_cache(maxsize=OPEN)
def _checked(file: Path, modified: int) -> Sequence[Mapping[str, Any]]:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as stored:
        plain = json.loads((stored.metadata() or {})[KEY])
        if plain["version"] != VERSION:
            return []
        entries: list[Mapping[str, Any]] = plain["entries"]
        for name, about in enumerate(entries):
            values = stored.get_tensor(str(name))
            if len(values) != len(about["image_ids"]) or _checksum(values) != about["checksum"]:
                raise ValueError("its maps are not those it was written with")
    return entries


@lru_cache(maxsize=OPEN)
def _opened(file: Path, modified: int) -> Any:
    from safetensors import safe_open

    return safe_open(file, framework="numpy")


@lru_cache(maxsize=4 * OPEN)
def _array(file: Path, modified: int, name: str) -> NDArray[Any]:
    values: NDArray[Any] = _opened(file, modified).get_tensor(name)
    return values


def _checksum(values: NDArray[Any]) -> str:
    return blake2b(np.ascontiguousarray(values).view(np.uint8).reshape(-1).data, digest_size=8).hexdigest()

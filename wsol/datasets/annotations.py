"""Annotations in any of the known formats, without the images: for maps that are scored from files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from wsol.datasets.arrays import Npz
from wsol.datasets.base import Dataset, Sample, datasets
from wsol.datasets.checks import check_mask
from wsol.datasets.files import FileDataset
from wsol.datasets.paths import existing, is_folder, is_url
from wsol.datasets.recognition import Guess, guesses
from wsol.datasets.stores.remote_path import AnyPath, existing_at
from wsol.errors import ConfigError, DataError
from wsol.options import build, defaults

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

log = logging.getLogger(__name__)

NPZ = ".npz"  # of masks by image id


def read_annotations(
    place: Path | str, *, images: Path | str | None = None, masks: Path | str | None = None
) -> Dataset:
    """The dataset at a path or a URL: of any reader's format, as `dataset=PATH` takes it, or a .npz of masks.

    Parameters
    ----------
    images : folder or URL of the images, or None where sizes and boxes are enough.
    masks : what mask files are relative to.

    Raises
    ------
    DataError : there is no such path, or it is of no known format, or of several.
    ConfigError : a folder of images or masks for a format that has its own.
    """
    path: AnyPath
    if is_url(place):
        path = existing_at(str(place), option="--annotations", cache=None)
    else:
        path = Path(place)
        existing(path, option="--annotations", folder=is_folder(path))
        if path.suffix == NPZ and not is_folder(path):
            return MaskArrays(path=path)
    guess = _guess(path)
    log.info("annotations are read as %s", guess.key)
    reader, given = datasets[guess.key], {"images": images, "masks": masks}
    known = defaults(reader)
    for name, folder in given.items():
        if folder is not None and name not in known:
            raise ConfigError(
                f"--{name} {folder}: annotations of the format {guess.key} take no folder of {name}; leave it out"
            )
    options = {**guess.options, **{name: folder and str(folder) for name, folder in given.items() if name in known}}
    return build(reader, options, where="dataset")


def _guess(path: AnyPath) -> Guess:
    """The one way to read a path; a file that none recognizes goes to the reader of its suffix, which says why."""
    found = [
        guess
        for guess in guesses(path.absolute() if isinstance(path, Path) else path)
        if not datasets[guess.key].boxless
    ]
    suffixes = {reader.suffix: key for key, reader in datasets.items() if reader.suffix}
    if not found and path.suffix in suffixes and path.is_file():
        return Guess(suffixes[path.suffix], {"annotations": str(path)})
    if not found:
        readers = [key for key, one in datasets.items() if issubclass(one, FileDataset) and not one.boxless]
        raise DataError(
            f"--annotations {path} is of no known format; give a folder or file that dataset=PATH takes "
            f"({', '.join(readers)}), or a {NPZ} of masks"
        )
    if len(found) > 1:
        ways = " | ".join(f"{guess.key} {' '.join(filter(None, guess.options.values()))}" for guess in found)
        raise DataError(
            f"--annotations {path} can be read in {len(found)} ways; give the folder or file of one: {ways}"
        )
    return found[0]


@dataclass(frozen=True, kw_only=True)
class MaskArrays(Dataset):
    """Masks in one .npz: by image id (h, w) of 0 background, 1 object, 255 ignore. All images have label 0."""

    path: Path
    key: ClassVar[str] = "masks"

    def read(self) -> Sequence[Sample]:
        masks = self._masks.items()
        return [Sample(name, 0, np.zeros((0, 4)), (mask.shape[1], mask.shape[0])) for name, mask in masks]

    def image(self, sample: Sample) -> Image:
        raise DataError(f"{self.path} holds masks and no images")

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        return self._masks[sample.image_id]

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, mask in self._masks.items():
            digest.update(f"{name}\t{mask.shape}\t".encode())
            digest.update(mask.tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def _masks(self) -> dict[str, NDArray[np.uint8]]:
        masks = {}
        try:
            stored = Npz(self.path)
            for name in stored.names:
                mask = stored[name]
                check_mask(mask, where=f"{name!r} in {self.path}")
                masks[name] = np.ascontiguousarray(mask, np.uint8)
        except (OSError, ValueError, MemoryError) as error:
            raise DataError(f"--annotations {self.path} is not a readable .npz of masks: {error}") from error
        if not masks:
            raise DataError(f"--annotations {self.path} holds no mask")
        return masks

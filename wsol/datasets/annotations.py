"""Annotations in any of the known formats, without the images: for maps that are scored from files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from wsol.datasets.arrays import Npz
from wsol.datasets.base import Dataset, Sample
from wsol.datasets.checks import check_mask
from wsol.datasets.formats.coco import Coco
from wsol.datasets.formats.folder import Folder
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.paths import existing, is_folder
from wsol.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

LIST = "image_ids.txt"  # the file by which a wsolevaluation metadata folder is known


def read_annotations(path: Path, *, images: Path | None = None, masks: Path | None = None) -> Dataset:
    """The dataset that a path describes.

    A folder with image_ids.txt is in wsolevaluation's format, .json is COCO's, .csv has the columns
    ``image_id,label,x0,y0,x1,y1`` and, where there are no images, ``width,height``; .npz holds a mask by image id.

    Parameters
    ----------
    images : folder of the images, or None where sizes and boxes are enough.
    masks : folder that mask files in wsolevaluation's format are relative to.

    Raises
    ------
    DataError : there is no such path, or it has another format.
    """
    if is_folder(path):
        if (path / LIST).is_file():
            return WsolEvaluation(images=images, metadata=path, masks=masks)
        deeper = sorted(p.parent for p in path.glob(f"*/{LIST}")) or sorted(p.parent for p in path.glob(f"*/*/{LIST}"))
        hint = f"; did you mean {deeper[0]}?" if deeper else ""
        raise DataError(f"--annotations {path} has no {LIST}, so it is not a wsolevaluation metadata folder{hint}")
    existing(path, option="--annotations", folder=False)
    if path.suffix not in READERS:
        raise DataError(
            f"--annotations {path} has an unknown format; give a wsolevaluation metadata folder or a file that ends in "
            f"{', '.join(READERS)}"
        )
    return READERS[path.suffix](path, images)


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


READERS: dict[str, Callable[[Path, Path | None], Dataset]] = {
    ".json": lambda path, images: Coco(images=images, annotations=path),
    ".csv": lambda path, images: Folder(images=images, annotations=path),
    ".npz": lambda path, images: MaskArrays(path=path),
}

"""iNatLoc500 (Cole et al., 2022): 500 species of iNaturalist, one checked box per image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from wsol.datasets.base import dataset
from wsol.datasets.fields import short
from wsol.datasets.formats.wsolevaluation import WsolEvaluation, metadata_folders, metadata_options
from wsol.errors import DataError


@dataset("inatloc500")
class INatLoc500(WsolEvaluation):
    """iNatLoc500 in the layout of wsolevaluation.

    Half of the published sizes have width and height swapped, so each is compared with the image's header: a swapped
    one is turned, and the table says how many were; any other difference is an error.
    """

    general: ClassVar[bool] = False

    @classmethod
    def recognize(cls, path: Path) -> Sequence[Mapping[str, str | None]]:
        folders = metadata_folders(path)
        return [metadata_options(folder) for folder in folders if "inatloc" in folder.as_posix().lower()]

    def notes(self) -> Sequence[str]:
        self.samples()
        count = len(self._turned_sizes)
        which = "1 size of the lists has" if count == 1 else f"{count} sizes of the lists have"
        return (*super().notes(), *([f"{which} width and height swapped."] if count else []))

    @cached_property
    def _turned_sizes(self) -> list[str]:
        """The images whose listed size is swapped; filled in by `read`."""
        return []

    def _sizes(self, ids: Sequence[str], images: Path | None) -> list[tuple[int, int]]:
        listed = super()._sizes(ids, images)
        if images is None:
            return listed
        stored = self.sizes_of(images, [self._file_of(i) for i in ids])
        for image_id, size, real in zip(ids, listed, stored, strict=True):
            if size == real[::-1] != real:
                self._turned_sizes.append(image_id)
            elif size != real:
                raise DataError(
                    f"image {short(image_id)} is {real[0]}x{real[1]} pixels, and {size[0]}x{size[1]} in "
                    f"{self._folder / 'image_sizes.txt'}"
                )
        return stored

"""iNatLoc500 (Cole et al., 2022): 500 species of iNaturalist, one checked box per image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from wsol.datasets.base import dataset
from wsol.datasets.fields import Whole, short
from wsol.datasets.formats.wsolevaluation import WsolEvaluation, metadata_folders, metadata_options
from wsol.errors import DataError


@dataset("inatloc500")
class INatLoc500(WsolEvaluation):
    """iNatLoc500 in the layout of wsolevaluation.

    Its lists state sizes as height, width; wsolevaluation's layout has width, height. So each is compared with the
    image's header: a swapped one is turned, and the table says how many were; any other difference is an error. Without
    images, sizes are taken as the order into which all boxes fit: where both fit, as stated in the layout.
    """

    general: ClassVar[bool] = False

    @classmethod
    def recognize(cls, path: Path) -> Sequence[Mapping[str, str | None]]:
        folders = metadata_folders(path)
        return [metadata_options(folder) for folder in folders if "inatloc" in folder.as_posix().lower()]

    def notes(self) -> Sequence[str]:
        listed = self._by_image("image_sizes.txt", 2, Whole)
        count = sum(listed.get(s.image_id, s.size_wh) != s.size_wh for s in self.samples())
        which = "1 size of the lists has" if count == 1 else f"{count} sizes of the lists have"
        return (*super().notes(), *([f"{which} width and height swapped."] if count else []))

    def _sizes(self, ids: Sequence[str], images: Path | None) -> list[tuple[int, int]]:
        listed = super()._sizes(ids, images)
        if images is None:
            return listed
        stored = self.sizes_of(images, [self._file_of(i) for i in ids])
        for image_id, size, real in zip(ids, listed, stored, strict=True):
            if real not in (size, size[::-1]):
                raise DataError(
                    f"image {short(image_id)} is {real[0]}x{real[1]} pixels, and {size[0]}x{size[1]} in "
                    f"{self._folder / 'image_sizes.txt'}"
                )
        return stored

"""iNatLoc500 (Cole et al., 2022): 500 species of iNaturalist, one verified box per image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from wsol.datasets.base import dataset
from wsol.datasets.fields import Whole, short
from wsol.datasets.formats.wsolevaluation import WsolEvaluation, metadata_folders, metadata_options
from wsol.datasets.stores.base import ImageStore
from wsol.datasets.stores.remote_path import AnyPath
from wsol.errors import DataError

Boxes = list[tuple[str, tuple[float, ...]]]


@dataset("inatloc500")
class INatLoc500(WsolEvaluation):
    """iNatLoc500 in the layout of wsolevaluation, but for two orders that its description states otherwise.

    Sizes are image, height, width there. Each is compared with the image's header, which decides: any difference but
    this order is an error. Without images, all sizes are taken in the order in which every box fits. Boxes are x_min,
    x_max, y_min, y_max by that description, and x0, y0, x1, y1 in the layout: all are taken in the order in which none
    is inverted. The table says what was found.
    """

    general: ClassVar[bool] = False

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        folders = metadata_folders(path)
        return [metadata_options(folder) for folder in folders if "inatloc" in folder.as_posix().lower()]

    def notes(self) -> Sequence[str]:
        listed = self._by_image("image_sizes.txt", 2, Whole)
        count = sum(listed.get(s.image_id, s.size_wh) != s.size_wh for s in self.samples())
        which = "1 size of the lists has" if count == 1 else f"{count} sizes of the lists have"
        sizes = [f"{which} width and height swapped."] if count else []
        boxes = (
            ["Boxes of the lists are x_min, x_max, y_min, y_max."] if not self.labels_only and self._found[1] else []
        )
        return (*super().notes(), *sizes, *boxes)

    def _boxes_listed(self) -> Boxes:
        return self._found[0]

    @cached_property
    def _found(self) -> tuple[Boxes, bool]:
        """The boxes as x0, y0, x1, y1, and whether the list has them in the other order."""
        listed = super()._boxes_listed()
        if all(x0 <= x1 and y0 <= y1 for _, (x0, y0, x1, y1) in listed):
            return listed, False
        turned: Boxes = [(image_id, (x0, y0, x1, y1)) for image_id, (x0, x1, y0, y1) in listed]
        ordered = all(x0 <= x1 and y0 <= y1 for _, (x0, y0, x1, y1) in turned)
        return (turned, True) if ordered else (listed, False)  # inverted either way, which is an error of its own

    def _sizes(self, ids: Sequence[str], images: ImageStore | None) -> list[tuple[int, int]]:
        listed = super()._sizes(ids, images)
        if images is None:
            if self.labels_only:
                return listed
            swapped = [size[::-1] for size in listed]
            return swapped if not self._fit(ids, listed) and self._fit(ids, swapped) else listed
        stored = self.sizes_of(images, [self._file_of(i) for i in ids])
        for image_id, size, real in zip(ids, listed, stored, strict=True):
            if real not in (size, size[::-1]):
                raise DataError(
                    f"image {short(image_id)} is {real[0]}x{real[1]} pixels, and {size[0]}x{size[1]} in "
                    f"{self._folder / 'image_sizes.txt'}"
                )
        return stored

    def _fit(self, ids: Sequence[str], sizes_wh: Sequence[tuple[int, int]]) -> bool:
        """Whether every box lies within its image, were these the sizes."""
        sizes = dict(zip(ids, sizes_wh, strict=True))
        pairs = [(sizes[image_id], box) for image_id, box in self._found[0] if image_id in sizes]
        return all(bool(np.all(np.asarray(box[2:]) <= size)) for size, box in pairs)

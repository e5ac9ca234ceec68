"""Raw maps of a batch as a notebook holds them: arrays that know which method made them and of which class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from wsol.views import View


@dataclass(frozen=True, eq=False)
class Maps:
    """Raw maps (n, *grid) of one variant of a method.

    ``maps[0]`` is one map as an array, ``maps[2:5]`` are several; ``np.asarray(maps)`` is all of them.

    Attributes
    ----------
    raw : (n, h, w) at the layer's resolution, not normalized; for inputs of other than two axes (n, *space).
    method : the variant: ``layercam@layer4[gamma=2]``.
    targets : (n,) class indices; zeros where the target is a function of the output.
    view : how the images became network input, where they were given as images.
    sizes_wh : width and height of the images, where they were given as images.
    full : the method's flat maps mean the whole image (``fullbox``); of all other methods, that there is no box.
    """

    raw: NDArray[np.floating[Any]]
    method: str
    targets: NDArray[np.int64]
    view: View | None = None
    sizes_wh: Sequence[tuple[int, int]] = ()
    full: bool = False

    def __len__(self) -> int:
        return len(self.raw)

    @overload
    def __getitem__(self, place: int) -> NDArray[np.floating[Any]]: ...
    @overload
    def __getitem__(self, place: slice) -> Maps: ...
    def __getitem__(self, place: int | slice) -> NDArray[np.floating[Any]] | Maps:
        if not isinstance(place, slice):
            one: NDArray[np.floating[Any]] = self.raw[place]
            return one
        return replace(self, raw=self.raw[place], targets=self.targets[place], sizes_wh=self.sizes_wh[place])

    def __iter__(self) -> Iterator[NDArray[np.floating[Any]]]:
        return iter(self.raw)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        made = np.asarray(self.raw, dtype=dtype)
        if copy is False and made is not self.raw:
            raise ValueError(f"maps of type {self.raw.dtype} are not {dtype} without a copy")
        return made.copy() if copy and made is self.raw else made

    def to_pandas(self) -> pd.DataFrame:
        """One line per cell: image, the indices of the cell (row and column), value."""
        import pandas as pd

        axes = ("row", "column") if self.raw.ndim == 3 else tuple(f"axis{n}" for n in range(self.raw.ndim - 1))
        places = np.indices(self.raw.shape).reshape(self.raw.ndim, -1)
        columns = dict(zip(("image", *axes), places, strict=True))
        return pd.DataFrame({**columns, "value": self.raw.ravel()})

    def __repr__(self) -> str:
        return f"Maps({self.method}, {' x '.join(map(str, self.raw.shape))})"

    def _repr_html_(self) -> str:
        """The first maps as thumbnails, for notebooks."""
        from wsol.api.thumbnails import thumbnails

        return thumbnails(self.raw, caption=repr(self))

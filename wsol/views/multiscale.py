"""The whole image squashed at several sizes (CAMERAS, Jalwana et al., 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wsol.options import Range, option
from wsol.views._base import Layout, Placement, View, view

if TYPE_CHECKING:
    from PIL.Image import Image


@view("multiscale", about="squash at several sizes, as CAMERAS does")
class MultiScale(View):
    """The whole image squashed at several sizes, each a multiple of 32 pixels (CAMERAS, Jalwana et al., 2021)."""

    scales: tuple[Annotated[float, Range(0, 8, above=True)], ...] = option(
        (1.0, 1.5, 2.0), help="sizes in sides of the network input"
    )

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        square = (self.side, self.side)
        sides = [max(32, round(self.side * scale / 32) * 32) for scale in self.scales]
        return Layout(square, tuple(Placement((0, 0, *square), (s, s)) for s in sides), size_wh, square)

    def inputs(self, image: Image) -> list[Image]:
        """Each size from the stored image, not from a smaller canvas."""
        from PIL.Image import Resampling

        return [image.resize(p.side, Resampling.BILINEAR) for p in self.layout(image.size).placements]

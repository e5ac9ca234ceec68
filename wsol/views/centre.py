"""The shorter side resized to 256/224 of the input, then the center crop: torchvision's evaluation."""

from __future__ import annotations

from wsol.views._base import Layout, View, center_crop, enlarged, short_side, view


@view("centre", about="shorter side to 256/224 of the input, center crop")
class Centre(View):
    """The shorter side resized to 256/224 of the input, then the center crop: torchvision's evaluation."""

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        return center_crop(self.side, short_side(size_wh, enlarged(self.side)), size_wh)

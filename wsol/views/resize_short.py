"""The shorter side resized to the input's, the whole image kept: inputs of several shapes."""

from __future__ import annotations

from wsol.views._base import Layout, Placement, View, short_side, view


@view("resize_short", about="shorter side to the input's, whole image")
class ResizeShort(View):
    """The shorter side resized to the input's, the whole image kept: inputs of several shapes."""

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        canvas = short_side(size_wh, self.side)
        return Layout(canvas, (Placement((0, 0, *canvas), canvas),), size_wh, canvas)

"""The whole image resized to a square: the aspect ratio is lost (Choe et al., 2020)."""

from __future__ import annotations

from wsol.views._base import Layout, Placement, View, view


@view("squash", about="the whole image to a square, aspect ratio lost")
class Squash(View):
    """The whole image resized to a square: the aspect ratio is lost (Choe et al., 2020)."""

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        square = (self.side, self.side)
        return Layout(square, (Placement((0, 0, *square), square),), size_wh, square)

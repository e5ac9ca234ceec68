"""Ten crops of the image squashed to 256/224 of the input (Krizhevsky et al., 2012; Zhou et al., 2016)."""

from __future__ import annotations

from wsol.views._base import Layout, Placement, View, enlarged, view


@view("tencrop", about="squash to 256/224 of the input, four corners and the center, each also mirrored")
class TenCrop(View):
    """Ten crops of the image squashed to 256/224 of the input (Krizhevsky et al., 2012; Zhou et al., 2016)."""

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        side, large = self.side, enlarged(self.side)
        far, mid = large - side, round((large - side) / 2)
        corners = ((0, 0), (far, 0), (0, far), (far, far), (mid, mid))
        crops = tuple(
            Placement((x, y, x + side, y + side), (side, side), mirrored)
            for mirrored in (False, True)
            for x, y in corners
        )
        return Layout((large, large), crops, size_wh, (large, large))

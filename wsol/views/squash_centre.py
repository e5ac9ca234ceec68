"""The whole image squashed to 256/224 of the input, then the center crop (PSOL, Zhang et al., 2020)."""

from __future__ import annotations

from wsol.views._base import Layout, View, center_crop, enlarged, view


@view("squash_centre", about="squash to 256/224 of the input, center crop")
class SquashCentre(View):
    """The whole image squashed to 256/224 of the input, then the center crop (PSOL, Zhang et al., 2020)."""

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        large = enlarged(self.side)
        return center_crop(self.side, (large, large), size_wh)

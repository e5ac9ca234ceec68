"""From a signal at the image's color channels to one map."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from wsol.methods._common.blur import blurred
from wsol.options import NotNegative, option

Reduce = Literal["max", "sum", "l2"]


@dataclass(frozen=True, kw_only=True)
class PixelMethod:
    """The options of methods that score pixels, whose maps are so noisy that a threshold gives thousands of boxes."""

    reduce: Reduce = option("max", help="over colors: maximum, sum or Euclidean norm")
    abs: bool = option(True, help="take the absolute value of each color first")
    smooth_sigma: NotNegative = option(0.0, help="standard deviation of a blur of the map, in pixels; 0 for none")

    def one_map(self, signal: Tensor) -> Tensor:
        """(B, 3, h, w) to (B, h, w)."""
        signal = signal.abs() if self.abs else signal
        if self.reduce == "l2":
            raw = signal.square().sum(1).sqrt()
        else:
            raw = signal.amax(1) if self.reduce == "max" else signal.sum(1)
        return blurred(raw, sigma=self.smooth_sigma) if self.smooth_sigma > 0 else raw

"""An order of regions that is chosen for deletion or insertion, a ceiling."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.blur import blurred
from wsol.models.forward import wide
from wsol.options import Range, option

SIGMA, RADIUS = 5.0, 5  # of the blurred image that insertion starts from (Petsiuk et al., 2018): 11 x 11 pixels


@method(
    "greedyorder",
    paper="ceiling: greedy search for an order of regions (our choice)",
    role="ceiling",
    year=2026,
    needs=("model",),
    layers="input",
    cost="1F + tries F",
    costly=True,
    quick={"cells": 3},
)
class GreedyOrder:
    """Greedy order: the regions of a grid in the order in which each next one changes the probability most.

    M(region) = 1 - t / n for the region taken in step t of n;  R_t = argmax over the regions left of f(x with R_0..R_t)

    With `order=insertion` regions of the image replace a blurred image and the one that raises the probability of the
    class most comes first; with `order=deletion` regions become 0, the mean color, and the one that lowers it most
    comes first. The class is the one that the network predicts, as in RISE's metrics. Of equal regions the first in
    raster order is taken.

    Traps: a ceiling that is reached, not a bound: the best order of these regions is at least as good as this one, and
    finer regions may be better still. It is made for one of the two curves and says nothing of localization. With n
    regions it takes n (n + 1) / 2 tries, 1225 for 7 x 7.
    """

    order: Literal["insertion", "deletion"] = option("insertion", help="the curve that it is made for")
    cells: Annotated[int, Range(1, 64)] = option(7, help="regions per side")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        classes = layer.logits.argmax(1)
        return torch.stack([self._of_image(layer, n, int(classes[n])) for n in range(len(layer.images))])

    def _of_image(self, layer: LayerFeatures, place: int, of_class: int) -> Tensor:
        image = layer.images[place]
        labels = self.regions(image)
        count = int(labels.max()) + 1
        if self.order == "insertion":
            now, end, sign = blurred(image, sigma=SIGMA, radius=RADIUS), image, 1.0
        else:
            now, end, sign = image, torch.zeros_like(image), -1.0
        values = wide(image).new_zeros(count)
        left = list(range(count))
        for step in range(count):
            ids = torch.tensor(left, device=labels.device)
            tried = torch.where((labels == ids[:, None, None])[:, None], end, now)
            scores = sign * layer.query.probabilities(tried)[:, of_class]
            best = int(scores.argmax())
            values[left[best]] = 1 - step / count
            now = tried[best]
            del left[best]
        return values[labels]

    def regions(self, image: Tensor) -> Tensor:
        """(h, w) the number of each pixel's region, in raster order, for an image (3, h, w)."""
        rows, columns = (
            (torch.arange(side, device=image.device) * min(self.cells, side)).div(side, rounding_mode="floor")
            for side in image.shape[-2:]
        )
        return rows[:, None] * (int(columns.max()) + 1) + columns

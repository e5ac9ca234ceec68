"""An order of regions that is chosen for deletion or insertion, a ceiling."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.blur import blurred
from wsol.methods._common.superpixels import slic_regions
from wsol.models.forward import wide
from wsol.options import Range, option

SIGMA, RADIUS = 5.0, 5  # of the blurred image that insertion starts from (Petsiuk et al., 2018): 11 x 11 pixels


@method(
    "greedyorder",
    paper="ceiling: greedy search for an order of SLIC's regions (our choice; SLIC: Achanta et al., TPAMI 2012)",
    role="ceiling",
    year=2026,
    needs=("model",),
    layers="input",
    cost="1F + tries F",
    costly=True,
    quick={"segments": 9},
)
class GreedyOrder:
    """Greedy order: the regions of an image in the order in which each next one changes the probability most.

    M(region) = 1 - t / n for the region taken in step t of n;  R_t = argmax over the regions left of f(x with R_0..R_t)

    Regions are SLIC's superpixels or, with `regions=grid`, the cells of a grid of about as many. With `order=insertion`
    they replace a blurred image and the one that raises the probability of the class most comes first; with
    `order=deletion` they become 0, the mean color, and the one that lowers it most comes first. The class is the one
    that the network predicts, as in RISE's metrics. Of equal regions the first one by its number is taken.

    Traps: a ceiling that is reached, not a bound: its curve bounds that of the best possible map from one side alone,
    since that map is at least as good as this one. The best order of these regions may be better, and finer regions
    better still, by pixels that fool the network. It is made for one of the two curves and says nothing of
    localization. With n regions it takes n (n + 1) / 2 tries, 1225 for 49.
    """

    order: Literal["insertion", "deletion"] = option("insertion", help="the curve that it is made for")
    regions: Literal["slic", "grid"] = option("slic", help="superpixels of similar color, or the cells of a grid")
    segments: Annotated[int, Range(1, 4096)] = option(49, help="about how many regions")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        classes = layer.logits.argmax(1)
        return torch.stack([self._of_image(layer, n, int(classes[n])) for n in range(len(layer.images))])

    def _of_image(self, layer: LayerFeatures, place: int, of_class: int) -> Tensor:
        image = layer.images[place]
        labels = self.numbered(image)
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

    def numbered(self, image: Tensor) -> Tensor:
        """(h, w) the number of each pixel's region, from 0, for an image (3, h, w); a grid's in raster order."""
        if self.regions == "slic":
            return slic_regions(image, segments=self.segments)
        cells = max(1, round(self.segments**0.5))
        rows, columns = (
            (torch.arange(side, device=image.device) * min(cells, side)).div(side, rounding_mode="floor")
            for side in image.shape[-2:]
        )
        cell: Tensor = rows[:, None] * (int(columns.max()) + 1) + columns
        return cell

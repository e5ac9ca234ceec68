"""Occlusion of SLIC regions."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import SCORE, Score, behind, sweep, target_scores
from wsol.methods._common.superpixels import slic_regions
from wsol.options import Count, NotNegative, Positive, option


@method(
    "regionocclusion",
    paper="occlusion of regions: Zeiler & Fergus, ECCV 2014, with SLIC's: Achanta et al., TPAMI 2012 (our choice)",
    year=2014,
    needs=("model",),
    layers="input",
    cost="1F + regions F",
    costly=True,
    quick={"segments": 16},
)
class RegionOcclusion:
    """Region occlusion: how much the score falls when a region of similar color is covered.

    M = f(x) - f(x * (1 - 1_R)) on each region R of the image, R from SLIC

    Traps: covered means 0 in normalized values, the mean color. A region of that color has value 0.
    SLIC segments each image stretched to [0, 1], and may return fewer or more regions than `segments`. Where several
    regions carry the same evidence, none of them alone lowers the score.
    """

    segments: Count = option(64, help="about how many regions")
    compactness: Positive = option(10.0, help="weight of distance against color; higher makes regions squarer")
    sigma: NotNegative = option(1.0, help="standard deviation of a blur before regions are sought, in pixels")
    score: Score = option("prob", help=SCORE)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        labels = torch.stack([self.regions(image) for image in layer.images])
        wanted = torch.arange(int(labels.max()) + 1, device=labels.device) <= labels.amax((1, 2))[:, None]

        def inputs(image: Tensor, region: Tensor) -> Tensor:
            return behind(layer.images[image], labels[image] != region[:, None, None])

        kept = sweep(layer, wanted, inputs).of(self.score)
        falls = target_scores(layer.logits, layer.targets, self.score)[:, None] - kept
        return falls.gather(1, labels.flatten(1)).view(labels.shape)

    def regions(self, image: Tensor) -> Tensor:
        """(h, w) the number of each pixel's region, from 0, for an image (3, h, w)."""
        return slic_regions(image, segments=self.segments, compactness=self.compactness, sigma=self.sigma)

"""Regions of similar color, from SLIC (Achanta et al., TPAMI 2012)."""

import torch
from torch import Tensor

from wsol.methods._common.stretch import minmax


def slic_regions(image: Tensor, *, segments: int, compactness: float = 10.0, sigma: float = 1.0) -> Tensor:
    """(h, w) the number of each pixel's region, from 0, for a normalized image (3, h, w), stretched to [0, 1].

    Parameters
    ----------
    segments : about how many regions; there may be fewer or more.
    compactness : weight of distance against color.
    sigma : standard deviation in pixels of a blur before regions are sought.
    """
    from skimage.segmentation import slic  # here: it takes as long to import as all methods together

    pixels = minmax(image.double().flatten()[None]).view(image.shape).movedim(0, -1).cpu().numpy()
    regions = slic(pixels, n_segments=segments, compactness=compactness, sigma=sigma, start_label=0)
    numbered: Tensor = torch.from_numpy(regions).to(image.device)
    return numbered

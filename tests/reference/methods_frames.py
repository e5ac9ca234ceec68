"""Naive twins of controls and ceilings that query the network, and of the oracle map's drawing."""

from __future__ import annotations

import copy

import numpy as np
import torch
from skimage.segmentation import slic

from tests.reference.method_case import Array, Case, Network, gaussian
from tests.reference.methods_one_pass import gradcam, layercam
from tests.reference.twins import compare, float64_only
from wsol.seeding import numpy_generator


@compare()
@compare("vgg", base="layercam", draw=3)
def randomnet(case: Case, *, base: str = "gradcam", draw: int = 0) -> Array:
    twin = copy.deepcopy(case.net.module)
    for name, parameter in twin.named_parameters():
        values = parameter.detach().numpy()
        random = numpy_generator(draw, name).normal(values.mean(), values.std(), values.shape)
        parameter.data = torch.as_tensor(random)
    net = Network(twin)
    a, g = net.forward_backward(case.image, case.layer, lambda y: y[case.target])
    own = Case(net, case.image, case.target, case.layer, a, g, None, case.image_id, case.seed)
    return {"gradcam": gradcam, "layercam": layercam}[base](own)


@float64_only
@compare("vgg", segments=9)
@compare("vgg", segments=9, regions="grid")
@compare("vgg", segments=9, regions="grid", order="deletion")
def greedyorder(case: Case, *, segments: int = 49, regions: str = "slic", order: str = "insertion") -> Array:
    height, width = case.size
    of_class = int(np.argmax(case.logits))
    cells = round(segments**0.5)
    owner: np.ndarray = np.zeros((height, width), int)
    for y in range(height):
        for x in range(width):
            owner[y, x] = y * cells // height * cells + x * cells // width
    if regions == "slic":
        low, high = case.image.min(), case.image.max()
        pixels = np.stack([(channel - low) / (high - low) for channel in case.image], -1)
        owner = slic(pixels, n_segments=segments, compactness=10.0, sigma=1.0, start_label=0)
    names = sorted(set(owner.ravel().tolist()))
    assert len(names) > 1
    blurred = np.stack([gaussian(channel, 5.0, 5) for channel in case.image])
    now, end = (blurred, case.image) if order == "insertion" else (case.image, np.zeros_like(case.image))
    now, out, left = now.copy(), np.zeros((height, width)), [*names]
    for step in range(len(names)):
        best, best_score = -1, -np.inf
        for region in left:
            tried = now.copy()
            tried[:, owner == region] = end[:, owner == region]
            score = case.net.prob(tried, of_class) * (1 if order == "insertion" else -1)
            if score > best_score:
                best, best_score = region, score
        now[:, owner == best] = end[:, owner == best]
        out[owner == best] = 1 - step / len(names)
        left.remove(best)
    return out


@compare()
@compare("vgg", shifts=2, boxes=1)
def oraclemap(case: Case, *, shifts: int = 8, boxes: int = 8) -> Array:
    """What it gives without an annotation: the size of the layer's map."""
    assert case.a is not None
    return np.ones(case.a.shape[1:])


def covered(inside: Array, grid_hw: tuple[int, int], shift: tuple[float, float], *, fine: int = 40) -> Array:
    """The share of each cell that an object covers: points of a fine grid in each cell, looked up one by one.

    `inside` (H, W) says of each pixel of the picture whether it is of the object.
    """
    out = np.zeros(grid_hw)
    for i, j in np.ndindex(*grid_hw):
        hits = 0
        for a in range(fine):
            for b in range(fine):
                y = (i + (a + 0.5) / fine - shift[1]) / grid_hw[0]
                x = (j + (b + 0.5) / fine - shift[0]) / grid_hw[1]
                if 0 <= y < 1 and 0 <= x < 1:
                    hits += bool(inside[int(y * inside.shape[0]), int(x * inside.shape[1])])
        out[i, j] = hits / fine**2
    return out

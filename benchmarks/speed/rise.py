"""Deletion and insertion, the data-set setting (28 steps), beside RISE's own procedure.

RISE's procedure as its evaluation does it for a data set: for each of the two games, all images of a batch take a step
together, one forward pass of the batch per step, of a network in torch's own layout; pixels are changed in NumPy arrays
on the host. Both sides get the same saliency maps, without ties. The areas must agree within 1e-4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.speed.peers import network
from benchmarks.speed.rows import NO_GPU, Plan, Row, faster, in_a_run, missing
from wsol.metrics._base import MetricInput, measure, metrics
from wsol.metrics._common.blur import blurred, folded_kernel
from wsol.models.query import ModelQuery

AGAINST = "RISE's own procedure"
STEPS = 28
Areas = NDArray[np.float64]  # (images, 2): deletion, insertion


def rows(plan: Plan) -> Iterator[Row]:
    count, side = plan.of(64 if plan.cuda else 8, 4), plan.of(224, 64)
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randn(count, 3, 9, 9, generator=draw)
    images = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").to(plan.device)
    saliency = np.random.default_rng(0).random((count, side, side))
    module = network("resnet50", plan.device, channels_last=True)
    plain = network("resnet50", plan.device, channels_last=False)
    chunk = 64 if plan.cuda else 16
    own = in_a_run(ours(module, images, saliency, ModelQuery(module, chunk=chunk)))
    half = in_a_run(ours(module, images, saliency, ModelQuery(module, chunk=chunk, autocast=torch.bfloat16)))
    areas: dict[str, Areas] = {}
    calls = [lambda: areas.update(theirs=theirs(plain, images, saliency)), lambda: areas.update(ours=own())]
    base, whole = plan.in_turn(calls, repeats=3, warm=1 if plan.cuda else 0)
    expected, found = areas["theirs"], areas["ours"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    apart = float(np.abs(found - expected).max())
    note = f"largest difference of an area {apart:.1e}"
    target = 5.0 if plan.cuda else 1.4
    facts = {"ms_per_image": 1e3 * whole / count}
    name = f"deletion + insertion, ResNet-50, {count} images"
    yield faster("rise", f"{name}, float32", AGAINST, base, whole, target, note=note, facts=facts)
    if plan.cuda:
        half()  # plans its kernels
    less = plan.seconds(lambda: areas.update(half=half()))  # once: without the hardware it takes minutes
    effect = float(np.abs(areas["half"] - expected).max())
    note = f"largest effect on an area {effect:.1e}; a gain only where the device multiplies bfloat16 in hardware"
    yield faster("rise", f"{name}, bfloat16", AGAINST, base, less, 5.0 if plan.cuda else 2.5, note=note)
    if not plan.cuda:
        yield missing("rise", "deletion + insertion, CUDA", AGAINST, 5, NO_GPU)


def ours(module: nn.Module, images: Tensor, saliency: NDArray[np.float64], query: ModelQuery) -> Callable[[], Areas]:
    laid = images.contiguous(memory_format=torch.channels_last)
    probabilities = query.probabilities(laid).double().cpu().numpy()
    metric = metrics["rise2018_dataset"]()

    def run() -> Areas:
        found = measure(metric, [item(n, laid, saliency, probabilities, query) for n in range(len(laid))])
        return np.array([[one["deletion_auc"], one["insertion_auc"]] for one in found])

    return run


def item(
    n: int, images: Tensor, saliency: NDArray[np.float64], probabilities: NDArray[np.float64], query: ModelQuery
) -> MetricInput:
    return MetricInput(
        image=images[n],
        map=saliency[n],
        map01=saliency[n],
        target=0,
        probabilities=probabilities[n],
        query=query,
        boxes=np.zeros((0, 4)),
        mask=None,
        remap=lambda image: np.zeros((1, 1)),
        image_id=str(n),
        seed=0,
    )


def theirs(module: nn.Module, images: Tensor, saliency: NDArray[np.float64]) -> Areas:
    """One step after the other, in both games."""
    n, channels, height, width = images.shape
    pixels = height * width
    step = -(-pixels // STEPS)
    order = np.flip(np.argsort(saliency.reshape(n, pixels), axis=1), axis=1)
    with torch.no_grad():
        top = module(images).argmax(1).cpu().numpy()
    kernel = folded_kernel()
    blurs = torch.stack([blurred(one, kernel) for one in images])
    areas = np.zeros((n, 2))
    games: tuple[tuple[Any, Any], ...] = ((images, torch.zeros_like(images)), (blurs, images))
    for game, (start, finish) in enumerate(games):
        current = start.cpu().numpy().copy().reshape(n, channels, pixels)
        end = finish.cpu().numpy().reshape(n, channels, pixels)
        scores = []
        for at in range(0, pixels + step, step):
            with torch.no_grad():
                given = torch.from_numpy(current.reshape(n, channels, height, width)).to(images.device)
                probabilities = torch.softmax(module(given), dim=1).cpu().numpy()
            scores.append(probabilities[np.arange(n), top])
            for image in range(n):
                places = order[image, at : at + step]
                current[image][:, places] = end[image][:, places]
        curve = np.array(scores[: -(-pixels // step) + 1], np.float64)
        areas[:, game] = (curve.sum(0) - curve[0] / 2 - curve[-1] / 2) / (len(curve) - 1)
    return areas

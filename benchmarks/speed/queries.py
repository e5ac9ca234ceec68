"""Further forwards of a batch against the same number of forwards in full chunks, and how many batch sizes they run.

Deletion and insertion of several maps per image, and Score-CAM over every channel of the last stage. Ratios are of the
fastest of some rounds that take turns, in this process: wall time on a GPU, processor time of one thread on a CPU.
`first` is the first call, in which a GPU plans its kernels for each new batch size. ResNet-50's weights are random.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.rows import NO_GPU, Plan, Row, missing, within
from wsol.methods._base import methods
from wsol.metrics._base import MetricInput, measure, metrics
from wsol.models.classifier import Classifier
from wsol.models.query import ModelQuery
from wsol.models.stages import resolve_layer
from wsol.models.zoo import load_classifier
from wsol.testing import layer_features

TARGET = 1.2  # on a GPU; CPUs are printed beside it
MODELS = {"cpu": "shapes_gap", "cuda": "resnet50"}


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of one piece of work and of its forwards alone, the first call of it, and the batch sizes that ran."""

    what: str
    seconds: float
    plain: float
    first: float
    forwards: int
    sizes: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    images: int
    maps: int
    chunk: int
    rounds: int


def rows(plan: Plan) -> Iterator[Row]:
    torch.set_num_threads(1)
    name = MODELS[plan.device.split(":")[0]]
    words = Size(images=plan.of(6, 2), maps=3, chunk=64, rounds=plan.of(3, 1))
    classifier = load_classifier(name, weights="random" if plan.cuda else None)
    classifier.module.to(plan.device).to(memory_format=torch.channels_last).eval()
    side = 224 if plan.cuda else 128
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(words.images, 3, side, side, generator=generator).to(plan.device)
    for work in (curves, scorecam):
        found = work(classifier, images.contiguous(memory_format=torch.channels_last), words)
        yield within(
            "queries",
            f"{found.what}, {name}, {found.forwards} forwards",
            "as many forwards in full chunks",
            found.plain,
            found.seconds,
            TARGET,
            note=f"first call {found.first:.2f} s, {found.sizes} batch sizes",
        )
    if not plan.cuda:
        yield missing("queries", "both on resnet50, CUDA", "as many forwards in full chunks", TARGET, NO_GPU, "at most")


def curves(classifier: Classifier, images: Tensor, words: Size) -> Timed:
    """Deletion and insertion of several maps of every image."""
    module, side = classifier.module, images.shape[-1]
    rng = np.random.default_rng(0)
    query = ModelQuery(module, chunk=words.chunk)
    probabilities = query.probabilities(images).double().cpu().numpy()
    saliency = rng.random((words.images, words.maps, side, side))

    def cases() -> list[MetricInput]:
        memos: list[dict[object, object]] = [{} for _ in images]
        return [
            MetricInput(
                image=images[i],
                map=saliency[i, m],
                map01=saliency[i, m],
                target=0,
                probabilities=probabilities[i],
                query=query,
                boxes=np.zeros((0, 4)),
                mask=None,
                remap=lambda image: np.zeros((side, side)),
                image_id=str(i),
                seed=0,
                memo=memos[i],
            )
            for i in range(len(images))
            for m in range(words.maps)
        ]

    return timed(
        "deletion + insertion",
        query,
        lambda: measure(metrics["rise2018_dataset"](), cases()),
        lambda: images,
        rounds=words.rounds,
    )


def scorecam(classifier: Classifier, images: Tensor, words: Size) -> Timed:
    """Score-CAM of the last stage, every channel."""
    layer = resolve_layer(classifier, "last")
    (features,) = layer_features(
        classifier.module, images, [0] * len(images), [layer], gradients=False, chunk=words.chunk
    )

    def run() -> Tensor:
        features.memo.clear()
        return methods["scorecam"]()(features)

    def masked() -> Tensor:
        return images * mask

    mask = torch.rand(len(images), 1, *images.shape[-2:], device=images.device)
    return timed("Score-CAM", features.query, run, masked, rounds=words.rounds)


def timed(
    what: str, query: ModelQuery, run: Callable[[], object], images: Callable[[], Tensor], *, rounds: int
) -> Timed:
    """`run`, and as many forwards of `images` in full chunks."""
    sizes: set[int] = set()
    handle = query.module.register_forward_pre_hook(lambda _, args: sizes.add(len(args[0])))
    before = query.cost.forwards
    first = _seconds(run, query.module)
    handle.remove()
    forwards = int(query.cost.forwards - before)

    def plain() -> None:
        whole = images()
        chunk = whole.repeat(-(-query.chunk // len(whole)), 1, 1, 1)[: query.chunk]
        with torch.no_grad():
            for start in range(0, forwards, query.chunk):
                query.module(chunk[: min(query.chunk, forwards - start)])

    plain()
    found = [(_seconds(run, query.module), _seconds(plain, query.module)) for _ in range(rounds)]
    return Timed(what, min(f[0] for f in found), min(f[1] for f in found), first, forwards, len(sizes))


def _seconds(work: Callable[[], object], module: nn.Module) -> float:
    cuda = next(module.parameters()).is_cuda
    clock = time.perf_counter if cuda else time.process_time
    start = clock()
    work()
    if cuda:
        torch.cuda.synchronize()
    return clock() - start

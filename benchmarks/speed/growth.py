"""How cost grows with images, variants, layers, map size and workers: each alone, the others fixed.

MobileNetV2 with random weights on smooth noise; seconds of a run of `run.py`, or of scoring alone. `ratio` is to the
first of its kind.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.speed.localization import LAYOUT as SQUARE
from benchmarks.speed.localization import PROTOCOLS
from benchmarks.speed.rows import Plan, Row
from benchmarks.speed.run import Pictures, experiment_of
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.shard import evaluate
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap
from wsol.runs.folder import RunFolder

GT = np.array([[50.0, 50.0, 150.0, 150.0]])


def rows(plan: Plan) -> Iterator[Row]:
    count = plan.of(32, 8)
    whole = experiment_of("mobilenet_v2", Pictures(count=count), device=plan.device, batch_size=8, threads=plan.threads)
    sizes = (count // 4, count // 2, count)
    yield from kind(plan, "images", sizes, [run_of(limited(whole, size, plan)) for size in sizes])
    layers = sorted({module for v in whole.variants for module in v.modules})
    one_layer = [v for v in whole.variants if v.modules == (layers[-1],)]
    numbers = (1, 3, 6)
    yield from kind(
        plan, "variants at one layer", numbers, [run_of(with_variants(whole, one_layer[:n])) for n in numbers]
    )
    chosen = [[v for v in whole.variants if v.info.key == "gradcam" and v.modules[0] in layers[:n]] for n in (1, 2, 4)]
    yield from kind(plan, "layers of one method", (1, 2, 4), [run_of(with_variants(whole, some)) for some in chosen])
    sides = (7, 14, 28, 56, 112, 224)
    yield from kind(plan, "side of a raw map, 100 maps scored", sides, [scoring(side, 1) for side in sides])
    workers = sorted({1, plan.threads})
    yield from kind(plan, "scoring threads, 100 maps of 14x14", workers, [scoring(14, n) for n in workers])


def kind(plan: Plan, what: str, sizes: Sequence[int], calls: Sequence[Callable[[], object]]) -> Iterator[Row]:
    seconds = plan.in_turn(calls, repeats=3)
    for size, spent in zip(sizes, seconds, strict=True):
        yield Row(
            topic="growth",
            work=f"{what}: {size}",
            ours=spent,
            ratio=spent / seconds[0],
            facts={f"{what}/{size}": spent},
        )


def limited(whole: Experiment, count: int, plan: Plan) -> Experiment:
    data = Pictures(count=count)
    return dataclasses.replace(whole, dataset=data, shard_size=count)


def with_variants(whole: Experiment, variants: Sequence[object]) -> Experiment:
    return dataclasses.replace(whole, variants=tuple(variants))


def run_of(experiment: Experiment) -> Callable[[], None]:
    source = experiment.source()
    source.measured_batches = 0  # type: ignore[attr-defined]

    def run() -> None:
        with tempfile.TemporaryDirectory() as place:
            evaluate(experiment, experiment.shards, RunFolder(Path(place) / "run"), source=source)

    return run


def scoring(side: int, threads: int) -> Callable[[], object]:
    rng = np.random.default_rng(side)
    maps = [ImageMap(raw=rng.random((side, side)), layout=SQUARE, boxes_xyxy=GT) for _ in range(100)]
    chunks = [maps[n : n + 25] for n in range(0, len(maps), 25)]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda chunk: localize(chunk, PROTOCOLS), chunks))

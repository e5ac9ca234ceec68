"""How long a whole run takes beside the network's passes alone: decoding, maps, boxes, columns and files included.

    python benchmarks/speed/run.py [--images 64] [--repeats 3] [--device cpu] [--networks resnet50,mobilenet_v2]
        [--photographs DIR] [--weights FILE]

Six gradient methods at four layers under two protocols, no faithfulness metric. `passes` is one forward and one
backward for the same images and layers, in the same batches, from tensors in memory. Both sides in one process, taken
in turn; medians of wall time. By default images are smooth noise and weights random, whose maps are rougher than those
of trained networks on photographs, and take longer to score: `--photographs DIR --weights FILE` takes real ones.
On CUDA images stay in memory, and the run is put beside the smaller of two rates: that of the passes, and that of one
core's boxes times the threads; without a GPU that row says "not measured".
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import PIL.Image
import torch

from wsol.datasets.base import Sample
from wsol.evaluation.build import engine_of, to_device
from wsol.evaluation.experiment import Experiment, Numerics
from wsol.evaluation.profile import Profile
from wsol.evaluation.shard import evaluate
from wsol.localization.localize import ImageMap, localize
from wsol.methods._variants import expand
from wsol.models.forward import capture
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier
from wsol.protocols._base import protocols
from wsol.report.tables.render import print_table
from wsol.runs.folder import RunFolder
from wsol.views import view_named

METHODS = ("gradcam", "gradcam_pp", "xgradcam", "hirescam", "layercam", "elementwise")
LAYERS = {
    "resnet50": ("layer1", "layer2", "layer3", "layer4"),
    "mobilenet_v2": ("features.3", "features.6", "features.13", "features.18"),
}
SIZE = (500, 375)


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Photographs, or images of smooth noise, with a box each, as JPEG in memory; decoded when they are asked for."""

    count: int
    decoded: bool = False  # keep them as pixels, so that no decoder is in the way
    photographs: str = ""  # a folder

    key = "pictures"
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        found = sorted(p for p in Path(self.photographs).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        files, images = {}, {}
        for n in range(self.count):
            if self.photographs:
                image = PIL.Image.open(found[n * len(found) // self.count]).convert("RGB").resize(SIZE)
            else:
                grid = PIL.Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
                image = grid.resize(SIZE, PIL.Image.Resampling.BICUBIC)
            file = io.BytesIO()
            image.save(file, "JPEG", quality=90)
            files[f"{n:06d}"], images[f"{n:06d}"] = file.getvalue(), image
        object.__setattr__(self, "files", files)
        object.__setattr__(self, "images", images)

    def samples(self) -> list[Sample]:
        return [Sample(i, 0, np.array([[60.0, 40.0, 320.0, 300.0]]), SIZE) for i in self.files]  # type: ignore[attr-defined]

    def image(self, sample: Sample) -> Any:
        if self.decoded:
            return self.images[sample.image_id]  # type: ignore[attr-defined]
        return PIL.Image.open(io.BytesIO(self.files[sample.image_id])).convert("RGB")  # type: ignore[attr-defined]

    def mask(self, sample: Sample) -> None:
        return None

    def fingerprint(self) -> str:
        return f"pictures {self.count}"


def experiment_of(
    network: str, data: Pictures, *, device: str, batch_size: int, threads: int, weights: str = "random"
) -> Experiment:
    """The run that is timed."""
    classifier = load_classifier(network, weights=weights)
    to_device(classifier, engine_of({"engine": {"device": device}}))
    variants = expand(
        {method: {"layers": list(LAYERS[network])} for method in METHODS},
        resolve=lambda name: resolve_layer(classifier, name),
        stages=list(stages(classifier)),
    )
    return Experiment(
        dataset=data,
        classifier=classifier,
        variants=variants,
        protocols=(protocols["choe2020_v1"], protocols["choe2020_v2"]),
        metrics=(),
        view=view_named("squash", 224),
        batch_size=batch_size,
        threads=threads,
        shard_size=max(data.count, 1),
        gallery=0,
        numerics=Numerics(device=device),
    )


def passes(experiment: Experiment) -> Callable[[], None]:
    """One forward and one backward for every image, from tensors in memory."""
    classifier = experiment.classifier
    assert classifier is not None
    layers = sorted({module for variant in experiment.variants for module in variant.modules})
    device = torch.device(experiment.numerics.device)
    pixels = torch.rand(experiment.batch_size, 3, 224, 224, device=device).contiguous(memory_format=torch.channels_last)
    targets = torch.zeros(experiment.batch_size, dtype=torch.long, device=device)

    def run() -> None:
        for _ in range(0, len(experiment.samples), experiment.batch_size):
            with capture(classifier.module, layers) as forward:
                forward(pixels, targets)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run


def whole(experiment: Experiment, tables: list[list[dict[str, str]]]) -> Callable[[], None]:
    """The run into a new folder. Costs are measured by its first batches; a warm source has done that."""
    source = experiment.source()

    def run() -> None:
        profile = Profile()
        with tempfile.TemporaryDirectory() as folder:
            evaluate(experiment, experiment.shards, RunFolder(Path(folder) / "run"), source=source, profile=profile)
        tables.append(profile.table())

    return run


def in_turn(calls: Sequence[Callable[[], None]], repeats: int) -> list[float]:
    """Median seconds of each, after one warm-up each."""
    times: list[list[float]] = [[] for _ in calls]
    for n in range(repeats + 3):
        for call, seconds in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            if n >= 3:
                seconds.append(time.perf_counter() - started)
    return [median(seconds) for seconds in times]


def scoring_rate(experiment: Experiment) -> float:
    """Maps per second that one core scores under both protocols."""
    rng = np.random.default_rng(0)
    layout = experiment.view.layout(SIZE)
    gt = np.array([[60.0, 40.0, 320.0, 300.0]])
    items = [
        ImageMap(raw=rng.random((side, side)).astype(np.float32), layout=layout, boxes_xyxy=gt)
        for side in (56, 28, 14, 7) * 6
    ]
    localize(items, experiment.protocols)
    started = time.process_time()
    localize(items, experiment.protocols)
    return len(items) / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--networks", default=",".join(LAYERS))
    parser.add_argument("--photographs", default="", help="a folder of images instead of noise")
    parser.add_argument("--weights", default="random", help="a file of weights of the one network")
    parser.add_argument("--profile", action="store_true", help="also print where the time of the runs went")
    chosen = parser.parse_args()
    threads = os.cpu_count() or 1
    print(f"{chosen.images} images, {threads} cores, torch {torch.__version__}, {chosen.device}\n")
    print("| network | variants | passes s | run s | run / passes | images/s |")
    print("|---|--:|--:|--:|--:|--:|")
    data = Pictures(chosen.images, decoded=chosen.device != "cpu", photographs=chosen.photographs)
    for network in chosen.networks.split(","):
        experiment = experiment_of(
            network, data, device=chosen.device, batch_size=chosen.batch_size, threads=threads, weights=chosen.weights
        )
        tables: list[list[dict[str, str]]] = []
        alone, run = in_turn([passes(experiment), whole(experiment, tables)], chosen.repeats)
        line = f"| {network} | {len(experiment.variants)} | {alone:.2f} | {run:.2f} | {run / alone:.2f} |"
        print(f"{line} {chosen.images / run:.1f} |", flush=True)
        if chosen.device != "cpu":
            bound = min(chosen.images / alone, threads * scoring_rate(experiment) / len(experiment.variants))
            print(f"\nof the smaller bound ({bound:.0f} images/s): {chosen.images / run / bound:.2f}\n")
        if chosen.profile:
            print()
            print_table(tables[-1])
    if not torch.cuda.is_available():
        print("\nCUDA: not measured (no GPU)")


if __name__ == "__main__":
    main()

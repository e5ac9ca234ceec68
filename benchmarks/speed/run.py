"""How long a whole run takes beside the network's passes alone: decoding, maps, boxes, columns and files included.

Six gradient methods at four layers under two protocols, no faithfulness metric. `passes` is one forward and one
backward for the same images and layers, in the same batches, from tensors in memory, with the memory settings of the
system; how long they take with those of a run stands in the note. Both sides in one process, taken in turn; medians of
wall time. By default images are smooth noise and weights random, whose maps are rougher than those of trained networks
on photographs, and take longer to score; MobileNetV2 takes real ones too, where ../shared is. On CUDA images stay in
memory, and the run is put beside the smaller of two rates: that of the passes, and that of one core's boxes times the
threads; without a GPU that row says "not measured".
"""

from __future__ import annotations

import dataclasses
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from benchmarks.speed.rows import NO_GPU, Plan, Row, in_a_run, missing, within
from wsol.datasets.base import Dataset, Sample
from wsol.evaluation.device import engine_of, to_device
from wsol.evaluation.experiment import Experiment, Numerics
from wsol.evaluation.shard import evaluate
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap
from wsol.methods._variants import expand
from wsol.models.forward import capture
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier
from wsol.protocols._base import protocols
from wsol.runs.folder import RunFolder
from wsol.views import view_named

METHODS = ("gradcam", "gradcam_pp", "xgradcam", "hirescam", "layercam", "elementwise")
LAYERS = {
    "resnet50": ("layer1", "layer2", "layer3", "layer4"),
    "mobilenet_v2": ("features.3", "features.6", "features.13", "features.18"),
}
SIZE = (500, 375)
TARGETS = {"resnet50": 1.35, "mobilenet_v2": 2.5}
SHARED = Path(os.environ.get("WSOL_SHARED", Path(__file__).resolve().parents[2].parent / "shared")) / "data"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pictures(Dataset):
    """Photographs, or images of smooth noise, with a box each, as JPEG in memory; decoded when they are asked for."""

    count: int
    decoded: bool = False  # keep them as pixels, so that no decoder is in the way
    photographs: str = ""  # a folder

    key = "pictures"

    def __post_init__(self) -> None:
        super().__post_init__()
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

    def read(self) -> list[Sample]:
        return [Sample(i, 0, np.array([[60.0, 40.0, 320.0, 300.0]]), SIZE) for i in self.files]  # type: ignore[attr-defined]

    def image(self, sample: Sample) -> Any:
        if self.decoded:
            return self.images[sample.image_id]  # type: ignore[attr-defined]
        return PIL.Image.open(io.BytesIO(self.files[sample.image_id])).convert("RGB")  # type: ignore[attr-defined]


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


def whole(experiment: Experiment) -> Callable[[], None]:
    """The run into a new folder. Costs are measured by its first batches; a warm source has done that."""
    source = experiment.source()

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            evaluate(experiment, experiment.shards, RunFolder(Path(folder) / "run"), source=source)

    return run


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


def rows(plan: Plan) -> Iterator[Row]:
    count = plan.of(1024 if plan.cuda else 64, 8)
    plain = Pictures(count=count, decoded=plan.cuda)
    for network in LAYERS:
        yield beside_passes(plan, network, plain, "random", "random weights, noise")
    if plan.cuda:
        return
    weights = SHARED / "weights" / "mobilenet_v2.pth"
    if weights.is_file():
        real = Pictures(count=count, photographs=str(SHARED / "ilsvrc_open" / "images"))
        yield beside_passes(plan, "mobilenet_v2", real, str(weights), "trained, photographs")
    yield missing("run", "whole run, resnet50, CUDA", "the smaller of passes and scoring", 0.85, NO_GPU)


def beside_passes(plan: Plan, network: str, data: Pictures, weights: str, what: str) -> Row:
    """A run beside its passes; on CUDA its rate beside the smaller of two rates."""
    batch = 64 if plan.cuda else 16
    experiment = experiment_of(
        network, data, device=plan.device, batch_size=batch, threads=plan.threads, weights=weights
    )
    calls = [passes(experiment), whole(experiment), in_a_run(passes(experiment))]
    alone, run, kept = plan.in_turn(calls, repeats=3, warm=1)
    work = f"whole run, {network}, {data.count} images, {what}"
    facts = {"images_per_second": data.count / run}
    if not plan.cuda:
        note = f"{run / kept:.2f} of the passes where they keep freed memory, as a run does ({kept:.3g} s)"
        return within("run", work, "the passes alone", alone, run, TARGETS[network], note=note, facts=facts)
    rates = data.count / alone, plan.threads * scoring_rate(experiment) / len(experiment.variants)
    return Row(
        topic="run",
        work=work,
        against="the smaller of passes and scoring",
        theirs=min(rates),
        ours=data.count / run,
        unit="images/s",
        ratio=data.count / run / min(rates),
        goal="at least",
        target=0.85,
        note=f"passes {rates[0]:.0f} images/s, scoring {rates[1]:.0f} images/s",
        facts=facts,
    )

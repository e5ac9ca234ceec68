"""How long `wsol rescore` takes beside `localize()` on the same maps: rows, files and the printed study included.

A run keeps the maps of 24 variants, six gradient methods at four layers of MobileNetV2 as `run.py` has them; then the
command applies protocols to them. `localize()` gets the same maps from memory, as one call per shard. Both sides in one
process, in turn. Numbers are per image.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.speed.rows import Plan, Row
from benchmarks.speed.run import SHARED, Pictures, experiment_of
from wsol.cli import main
from wsol.evaluation.rescore import Rescoring, rescoring
from wsol.evaluation.shard import evaluate
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap
from wsol.protocols._base import Protocol, named
from wsol.runs.folder import RunFolder

WEIGHTS, PHOTOGRAPHS = SHARED / "weights" / "mobilenet_v2.pth", SHARED / "ilsvrc_open" / "images"
ROWS: dict[str, tuple[str, float | None]] = {
    "eight protocols": (
        "choe2020_v1,choe2020_v2,tscam2021,tscam2021_cub,choe2020_v1[tau=0.2],choe2020_v1[tau=otsu],"
        "choe2020_v2[tau=0.2],choe2020_v1[component=largest_pixels]",
        1.3,
    ),
    "three normalizations": ("choe2020_v1,choe2020_v1[normalise=max],choe2020_v1[normalise=percentile]", None),
    "without grey levels": ("gradcam2017,cam2016_text", None),
}


def rows(plan: Plan) -> Iterator[Row]:
    count = plan.of(100, 8)
    real = WEIGHTS.is_file() and PHOTOGRAPHS.is_dir()
    images = Pictures(count=count, photographs=str(PHOTOGRAPHS) if real else "")
    weights = str(WEIGHTS) if real else "random"
    whole = experiment_of("mobilenet_v2", images, device="cpu", batch_size=16, threads=plan.threads, weights=weights)
    keeping = dataclasses.replace(whole, maps="keep", protocols=(named("choe2020_v1"),))
    with tempfile.TemporaryDirectory() as runs:
        folder = RunFolder(Path(runs) / keeping.folder_name)
        folder.write_manifest(keeping.manifest({}))
        evaluate(keeping, keeping.shards, folder)
        for what, (text, target) in ROWS.items():
            yield row(plan, folder, what, text, target, "photographs" if real else "images of noise")


def row(plan: Plan, folder: RunFolder, what: str, text: str, target: float | None, images: str) -> Row:
    """One list of protocols, by the command and by `localize` alone."""
    words = ["rescore", folder.name, f"protocol=[{text}]", "--runs", str(folder.path.parent)]

    def command() -> None:
        shutil.rmtree(folder.path.parent / f"rescore-{folder.name}", ignore_errors=True)
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([*words, "--threads", str(plan.threads)]) == 0

    chosen = [named(name) for name in text.replace("],", "]\n").replace(",", "\n").split()]
    experiment = rescoring(folder, chosen, threads=plan.threads)
    assert [p.name for p in experiment.protocols] == [p.name for p in chosen], "a protocol is left out"
    maps = maps_of(experiment)
    alone, ours = plan.in_turn([lambda: found(maps, chosen), command], repeats=1)
    count = len(experiment.samples)
    return Row(
        topic="rescore",
        work=f"{what}, {len(experiment.variants)} variants, {count} {images}",
        against="localize() of the same maps",
        theirs=1e3 * alone / count,
        ours=1e3 * ours / count,
        unit="ms per image",
        ratio=ours / alone,
        goal="at most" if target else "",
        target=target,
        note="no forward pass; the table and the intervals of 1000 resamples included, whatever the number of images",
    )


def maps_of(experiment: Rescoring) -> list[list[ImageMap]]:
    """The kept maps of each shard, variant by variant, in memory."""
    source, shards = experiment.source(), []
    for shard in experiment.shards:
        samples = [experiment.samples[image_id] for image_id in shard.image_ids]
        loaded = [source.load(sample, [experiment.view], ()) for sample in samples]
        maps = source.maps(loaded, experiment.view, experiment.variants)
        shards.append([maps.image_map(v, n) for v in experiment.variants for n in range(len(samples))])
    return shards


def found(maps: Sequence[Sequence[ImageMap]], chosen: Sequence[Protocol]) -> None:
    for of_shard in maps:
        localize(of_shard, chosen)

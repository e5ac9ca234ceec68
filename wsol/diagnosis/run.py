"""What a run will take: time by variants and stages, memory and disk, from a trial on a few of its images."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.diagnosis.finding import Finding, State
from wsol.progress import duration

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.forecast import Forecast

SHARE = 0.01  # of the time; stages below are not worth a line
ROOM = 2.0  # times the rows: Parquet files are joined beside their place, and the gallery takes some


def run_findings(experiment: Experiment, prediction: Forecast, runs: Path) -> Iterator[Finding]:
    """The time, and whether memory and disk suffice for it."""
    images, variants = len(experiment.samples), len(experiment.variants)
    yield Finding(
        "ok",
        "run",
        f"{images} images, {variants} variant{'s' * (variants > 1)}: about {duration(prediction.seconds)}; measured on "
        f"{prediction.tried} of them just now, on {experiment.numerics.device}, with what else the machine did",
    )
    yield _memory(experiment, prediction)
    place = next(p for p in [runs, *runs.absolute().parents] if p.exists())
    left = shutil.disk_usage(place).free
    state: State = "ok" if ROOM * prediction.rows_mb * 1e6 < left else "bad"
    yield Finding(
        state, "run", f"disk: rows take at most about {prediction.rows_mb:.1f} MB; {left / 1e9:.1f} GB free in {place}"
    )


def variant_rows(experiment: Experiment, prediction: Forecast) -> list[dict[str, Any]]:
    """By variant, what it takes as if it ran alone."""
    rows = []
    for variant in experiment.variants:
        ms, count = prediction.costs.get(variant.key, {}).get("ms"), prediction.images[variant.key]
        alone = None if ms is None else ms / 1000 * count
        rows.append({"variant": variant.id, "images": count, "ms per image": ms, "seconds alone": alone})
    return rows


def stage_rows(prediction: Forecast) -> list[dict[str, Any]]:
    """By stage of the run, how long the main thread is in it; what runs beside it is not in the sum."""
    stages = sorted(prediction.stages.items(), key=lambda item: -item[1])
    whole = max(prediction.seconds, 1e-9)
    return [
        {"stage": stage, "seconds": seconds, "share": seconds / whole}
        for stage, seconds in stages
        if seconds / whole >= SHARE
    ]


def _memory(experiment: Experiment, prediction: Forecast) -> Finding:
    """On a GPU what a variant adds to the network, counted there; else the most that the trial's process has held."""
    device = experiment.numerics.device
    if device.startswith("cuda"):
        import torch

        needed = 1e6 * max((costs.get("peak_mb", 0.0) for costs in prediction.costs.values()), default=0.0)
        free, what = float(torch.cuda.mem_get_info(device)[0]), "beside the network"
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        needed = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
        free, what = _available(), "with all that is loaded"
    state: State = "ok" if needed < free else "bad"
    return Finding(state, "run", f"memory: about {needed / 1e9:.2f} GB {what}; {free / 1e9:.1f} GB free")


def _available() -> float:
    """Bytes that the machine has left, and what this process holds."""
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        return float(free + int(Path("/proc/self/statm").read_text().split()[1]) * page)
    except (OSError, StopIteration):  # macOS says no more than what is built in
        return float(page * os.sysconf("SC_PHYS_PAGES"))

"""What a run will take: time by variants and stages, memory and disk, from a trial on a few of its images."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.diagnosis.finding import Finding, State
from wsol.evaluation.forecast import duration

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
    needed = max((costs.get("peak_mb", 0.0) for costs in prediction.costs.values()), default=0.0)
    free, where = _free_memory(experiment.numerics.device)
    state: State = "ok" if needed * 1e6 < free else "bad"
    yield Finding(state, "run", f"memory: about {needed:.0f} MB beside the network; {free / 1e9:.1f} GB {where}")
    place = next(p for p in [runs, *runs.absolute().parents] if p.exists())
    left = shutil.disk_usage(place).free
    state = "ok" if ROOM * prediction.rows_mb * 1e6 < left else "bad"
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


def _free_memory(device: str) -> tuple[float, str]:
    """Bytes, and whose."""
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.mem_get_info(device)[0]), "free on the GPU"
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        return float(free), "free"
    except (OSError, StopIteration):  # macOS
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")), "in the machine"

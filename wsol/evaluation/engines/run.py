"""Who computes a run of composed settings: this process, several on this machine, or those of a batch system."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsol.evaluation.device import engine_of
from wsol.evaluation.engines.local import run_local
from wsol.evaluation.engines.part import Part
from wsol.evaluation.engines.processes import run_processes
from wsol.evaluation.engines.ranks import Rank, cores

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder

CORES = 8  # of a worker process on the CPU: more threads of one network wait for each other


def run(experiment: Experiment, folder: RunFolder, settings: Mapping[str, Any], *, profile: Profile) -> None:
    """Compute what is missing of a run. Raises RowsFailed where some batches could not be computed.

    Equal commands on other machines, and the ranks of torchrun, srun or an array job, take shards of the same run.
    """
    engine, rank = engine_of(settings), Rank.here()
    if engine.runner:
        import_module(engine.runner).run(experiment, folder, settings, engine, profile=profile)
        return
    part = Part.parse(engine.part)
    count = min(engine.workers or _workers(str((settings.get("engine") or {}).get("device", "auto")), rank),
                len(experiment.shards))  # fmt: skip
    if count > 1:
        run_processes(experiment, folder, settings, count, part)
    else:
        first = rank.number * len(part.take(experiment.shards)) // max(rank.of, rank.number + 1)
        run_local(experiment, folder, part, first=first, profile=profile)


def _workers(device: str, rank: Rank) -> int:
    """How many processes this machine has the GPUs or the cores for; one where others were started beside this one."""
    import torch

    if not rank.alone:
        return 1
    if device in ("auto", "cuda") and torch.cuda.is_available():
        return torch.cuda.device_count()
    return max(1, cores() // CORES) if device in ("auto", "cpu") else 1

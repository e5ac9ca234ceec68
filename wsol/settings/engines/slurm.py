"""``engine=slurm``: an array job, submitted and watched by submitit (the extra ``slurm``)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from wsol.options import Count, Range, Threads, option
from wsol.settings.engines import engine
from wsol.settings.records import Engine


@engine("slurm")
class Slurm(Engine):
    """An array job of Slurm, one worker per task, submitted by submitit, requeued when it is pre-empted."""

    runner: ClassVar[str] = "wsol.evaluation.engines.slurm"

    name: str = option("slurm", help="an engine, see wsol list engines")
    device: str = option("auto", help="of the tasks: auto (cuda where gpus is 1, else cpu), cpu or cuda")
    workers: Threads | None = option(8, help="tasks of the array")
    partition: str | None = option(None, help="of the cluster; null is its default")
    account: str | None = option(None, help="that pays; null is your default")
    gpus: Annotated[int, Range(0, 1)] = option(1, help="GPUs per task")
    cpus: Threads = option(8, help="cores per task")
    memory: Count = option(32, help="GB per task")
    minutes: Count = option(240, help="time limit of a task, after which it is requeued")
    cluster: Literal["slurm", "local"] = option(
        "slurm", help="local: submitit's processes on this machine, for a trial"
    )

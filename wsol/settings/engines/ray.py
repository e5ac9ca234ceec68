"""``engine=ray``: actors of a Ray cluster (the extra ``ray``)."""

from __future__ import annotations

from typing import ClassVar

from wsol.options import Share, Threads, option
from wsol.settings.engines import engine
from wsol.settings.records import Engine


@engine("ray")
class Ray(Engine):
    """Actors of a Ray cluster, one worker per GPU or share of one, on nodes that may join and leave."""

    runner: ClassVar[str] = "wsol.evaluation.engines.ray"

    name: str = option("ray", help="an engine, see wsol list engines")
    device: str = option("auto", help="of the actors: auto (cuda where gpus is above 0, else cpu), cpu or cuda")
    workers: Threads | None = option(None, help="actors at most; null is as many as the nodes have room for")
    gpus: Share = option(1.0, help="GPUs per actor: 1, a share of one such as 0.25, or 0 for the CPU")
    cpus: Threads = option(4, help="cores per actor")
    address: str | None = option(
        None, help="of the cluster, HOST:PORT or ray://HOST:PORT; null is the one of this machine, or a new one"
    )

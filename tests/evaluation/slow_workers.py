"""Worker processes slow enough to be stopped: a file for `--with` that makes them so, and when they are at work."""

from __future__ import annotations

import time
from pathlib import Path

from wsol.runs.leases import WORK, presences

SHORT_LEASES = "from wsol.runs import leases\nleases.LEASE_SECONDS, leases.BEAT_SECONDS = 3.0, 0.5\n"


def slow_maps(seconds: float) -> str:
    """Source code: each batch of maps takes so many seconds longer, and its rows are written at once."""
    return f"""
import time
import wsol.evaluation.shard
from wsol.maps.network import NetworkMaps

wsol.evaluation.shard.EVERY_SECONDS = 0.0
maps = NetworkMaps.maps
def slowly(self, *args):
    time.sleep({seconds})
    return maps(self, *args)
if not hasattr(NetworkMaps, "slow"):
    NetworkMaps.slow, NetworkMaps.maps = True, slowly
"""


def slow_file(folder: Path, *, more: str = "") -> Path:
    """A file of `slow_maps`, of half a second, for `--with`; `more` is source code behind it."""
    file = folder / "slow_maps.py"
    file.write_text(f"{slow_maps(0.5)}\n{more}")
    return file


def workers_of(runs: Path, wanted: int) -> list[int]:
    """The process ids of a run's workers, once there are as many and one has written rows."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        known = [one for folder in runs.glob(f"*/{WORK}") for one in presences(folder)]
        if len(known) >= wanted and list(runs.glob("*/rows/*.parquet")):
            return [one.pid for one in known]
        time.sleep(0.05)
    raise AssertionError("the workers did not start")

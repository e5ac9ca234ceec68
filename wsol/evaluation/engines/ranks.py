"""Which of several equal processes this one is, where torchrun, srun or an array job started it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

ARRAYS = (  # of batch systems: a task's number, the first one, and how many there are, where they say so
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"),
    ("PBS_ARRAY_INDEX", "", ""),
    ("LSB_JOBINDEX", "", ""),
    ("SGE_TASK_ID", "SGE_TASK_FIRST", ""),
)


@dataclass(frozen=True, slots=True)
class Rank:
    """One of `of` processes, counted from 0; on its machine `local` of `local_of`. The default is a process alone."""

    number: int = 0
    of: int = 1
    local: int = 0
    local_of: int = 1

    @property
    def alone(self) -> bool:
        return self.of == 1

    @property
    def first(self) -> bool:
        """Whether this is the one that prints the table."""
        return self.number == 0

    @classmethod
    def here(cls, environment: Mapping[str, str] | None = None) -> Rank:
        """From the variables of torchrun, of srun, or of an array job, in this order.

        A shell on a node that Slurm lent has the job's variables, too, so only a step of srun is a rank; and tasks of
        an array have a machine, or their share of one, for themselves.
        """
        known = os.environ if environment is None else environment
        if rank := _numbers(known, "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
            return cls(*rank)
        step = known.get("SLURM_STEP_ID", known.get("SLURM_STEPID", ""))
        if step.isdecimal() and (rank := _numbers(known, "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")):
            beside = known.get("SLURM_STEP_TASKS_PER_NODE", known.get("SLURM_TASKS_PER_NODE", "1"))
            local = int(rank[2])
            first = beside.partition("(")[0].partition(",")[0]  # such as 4(x2),3
            found = cls(rank[0], rank[1], local, max(local + 1, int(first) if first.isdecimal() else 1))
            if not found.alone:
                return found
        for name, lowest, count in ARRAYS:
            if known.get(name, "").isdecimal() and int(known[name]) < 2**31:
                number = int(known[name])
                start = int(known[lowest]) if known.get(lowest, "").isdecimal() else min(number, 1)
                of = int(known[count]) if known.get(count, "").isdecimal() else 2
                return cls(max(0, number - start), max(of, 1))
        return cls()


def cores() -> int:
    """How many this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _numbers(known: Mapping[str, str], *names: str) -> list[int]:
    """The values of all these variables; empty where one is missing or none."""
    values = [known.get(name, "") for name in names]
    return [int(value) for value in values] if all(value.isdecimal() for value in values) else []

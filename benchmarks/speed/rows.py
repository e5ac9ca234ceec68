"""What a row of the benchmark says, and how both of its sides are timed: in turn, in one process, medians."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any, Literal, TypeVar

import torch

from wsol.models.allocator import freed_memory_kept

Result = TypeVar("Result")

NOT_INSTALLED = "not installed (extra `peers`)"
NO_GPU = "not measured (no GPU)"
PATIENCE = 20.0  # seconds of the clock: rounds that take longer than that together are few enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured, and on what.

    Attributes
    ----------
    quick : fewer images and repeats, to see that everything runs; its ratios are rough.
    long : also what takes longer than the whole table may: Score-CAM of 60 photographs.
    clock : ``wall`` seconds, or processor seconds (``cpu``) where other work shares the cores.
    """

    quick: bool = False
    long: bool = False
    device: str = "cpu"
    threads: int = 2
    clock: Literal["wall", "cpu"] = "wall"

    @property
    def cuda(self) -> bool:
        return self.device != "cpu"

    def of(self, whole: int, quick: int) -> int:
        """A number of images or repeats."""
        return quick if self.quick else whole

    def now(self) -> float:
        if self.cuda:
            torch.cuda.synchronize()
        return time.perf_counter() if self.clock == "wall" or self.cuda else time.process_time()

    def seconds(self, call: Callable[[], object]) -> float:
        """What one call takes."""
        start = self.now()
        call()
        return self.now() - start

    def in_turn(self, calls: Sequence[Callable[[], object]], *, repeats: int, warm: int = 1) -> list[float]:
        """Median seconds of each call over rounds in which they take turns, behind `warm` rounds that don't count.

        Of both kinds of rounds there are as many as asked for, or as many as PATIENCE allows; at least one that counts.
        """
        for rounds in (warm, 1 if self.quick else repeats):
            times: list[list[float]] = [[] for _ in calls]
            start = time.perf_counter()
            for n in range(rounds):
                if n and time.perf_counter() - start > PATIENCE:
                    break
                for call, seconds in zip(calls, times, strict=True):
                    seconds.append(self.seconds(call))
        return [median(seconds) for seconds in times]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    topic : the module that measured it. work, against : what is compared, and with what.
    theirs, ours : both sides in `unit`; None where there is one side, or none was measured.
    ratio : how many times less ours takes (``at least``), or how many times as much (``at most``).
    target : of the ratio; None for a row that only informs.
    note : what was checked, what bounds it, or why there is no number.
    facts : numbers that other pages compute from, by name.
    """

    topic: str
    work: str
    against: str = ""
    theirs: float | None = None
    ours: float | None = None
    unit: str = "s"
    ratio: float | None = None
    goal: Literal["at least", "at most", ""] = ""
    target: float | None = None
    note: str = ""
    facts: dict[str, float] | None = None

    @property
    def met(self) -> str:
        """``yes``, ``no``, or nothing where there is no target or no number."""
        if self.target is None or self.ratio is None:
            return ""
        return "yes" if (self.ratio >= self.target if self.goal == "at least" else self.ratio <= self.target) else "no"

    def record(self) -> dict[str, Any]:
        """Plain values, for CSV."""
        return {**asdict(self), "facts": dict(self.facts or {}), "met": self.met}


def in_a_run(call: Callable[[], Result]) -> Callable[[], Result]:
    """The call with the memory settings of a run; peers and bounds have those of the system, as their users do."""

    def within_a_run() -> Result:
        with freed_memory_kept():
            return call()

    return within_a_run


def faster(topic: str, work: str, against: str, theirs: float, ours: float, target: float, **more: Any) -> Row:
    """A row whose ratio says how many times faster we are than a peer."""
    return Row(
        topic=topic,
        work=work,
        against=against,
        theirs=theirs,
        ours=ours,
        ratio=theirs / ours,
        goal="at least",
        target=target,
        **more,
    )


def within(topic: str, work: str, against: str, bound: float, ours: float, target: float, **more: Any) -> Row:
    """A row whose ratio says how many times as long we take as a lower bound does."""
    return Row(
        topic=topic,
        work=work,
        against=against,
        theirs=bound,
        ours=ours,
        ratio=ours / bound,
        goal="at most",
        target=target,
        **more,
    )


def missing(topic: str, work: str, against: str, target: float, why: str, goal: Any = "at least") -> Row:
    """A row without a number."""
    return Row(topic=topic, work=work, against=against, goal=goal, target=target, note=why)


def installed(package: str) -> bool:
    return find_spec(package) is not None

"""What a map cost: passes are counted, time and peak memory measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch

from wsol.models.allocator import give_back_freed_memory

if TYPE_CHECKING:
    from wsol.models.cost import Cost
    from wsol.models.query import ModelQuery

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class VariantCost:
    """What one variant cost for one image, as if it ran alone.

    Attributes
    ----------
    forwards, backwards, partial_forwards : passes, in images.
    ms, peak_mb : time, and peak memory beyond what was held before; None where they were not measured.
    batch : network inputs at a time where fewer than asked for were taken, for want of memory or of time, else None.
    """

    forwards: float
    backwards: float
    partial_forwards: float
    ms: float | None = None
    peak_mb: float | None = None
    batch: float | None = None

    @classmethod
    def of(
        cls, needs: Collection[str], further: Cost, images: int, *, measured: tuple[float, float] | None
    ) -> VariantCost:
        """Of one image in a batch: the pass that every variant with needs has, and what it spent beyond that.

        Parameters
        ----------
        measured : seconds of the batch, and peak memory in MB.
        """
        return cls(
            bool(needs) + further.forwards / images,
            ("gradients" in needs) + further.backwards / images,
            further.partial_forwards / images,
            None if measured is None else 1000 * measured[0] / images,
            None if measured is None else measured[1],
        )

    @classmethod
    def total(cls, parts: Sequence[VariantCost]) -> VariantCost:
        """Of an image with several crops; one of them is in memory at a time."""
        known = all(part.ms is not None for part in parts)
        return cls(
            sum(part.forwards for part in parts),
            sum(part.backwards for part in parts),
            sum(part.partial_forwards for part in parts),
            sum(part.ms or 0.0 for part in parts) if known else None,
            max(part.peak_mb or 0.0 for part in parts) if known else None,
            min((part.batch for part in parts if part.batch is not None), default=None),
        )

    def cut(self, images: int) -> VariantCost:
        """The same where no more than so many images were taken at a time."""
        return replace(self, batch=min(self.batch or images, images))

    def columns(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class PeakMemory:
    """A `with` block that knows the most memory it held beyond what was held before, in MB.

    On CUDA this is the allocator's own count. On the CPU it is the process's peak resident memory (Linux), after what
    was freed before is given back; small blocks that are used again are missed: good for comparing methods.
    Elsewhere NaN.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.peak_mb = float("nan")
        self._start = 0.0

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._start = torch.cuda.memory_allocated(self.device) / 2**20
        else:
            give_back_freed_memory()
            with suppress(OSError):
                RESET.write_text("5")  # forget the old high-water mark
            self._start = _resident("VmRSS")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.device) / 2**20
        else:
            peak = _resident("VmHWM")
            give_back_freed_memory()  # a run holds no more than its batches need
        self.peak_mb = max(0.0, peak - self._start)


@dataclass(slots=True)
class Measured:
    """Of a block of work."""

    seconds: float = 0.0
    peak_mb: float = 0.0


class CostMeter:
    """Time and peak memory of blocks of work with a network on a device.

    Parameters
    ----------
    query : further passes, whose device is waited for while times are being measured.
    """

    def __init__(self, device: torch.device, query: ModelQuery) -> None:
        self.device = device
        self.query = query
        self._known: dict[object, Measured] = {}

    @contextmanager
    def measured(self, measure: bool) -> Iterator[Measured]:
        """A block whose seconds and peak memory are known behind it; without `measure` nothing waits for the device."""
        spent = Measured()
        if not measure:
            yield spent
            return
        self.query.timed = True
        try:
            with PeakMemory(self.device) as memory:
                started = self._now()
                yield spent
                spent.seconds = self._now() - started
        finally:
            self.query.timed = False
        spent.peak_mb = memory.peak_mb

    def of(self, key: object, work: Callable[[], object]) -> Measured:
        """What `work` takes, measured when its key is new: twice, since the first of its kind is slower."""
        if key not in self._known:
            runs = []
            for _ in range(2):
                with self.measured(True) as spent:
                    work()
                runs.append(spent)
            self._known[key] = Measured(min(run.seconds for run in runs), max(run.peak_mb for run in runs))
        return self._known[key]

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def _resident(field: str) -> float:
    """A field of /proc/self/status in MB; NaN where there is none."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), float("nan"))

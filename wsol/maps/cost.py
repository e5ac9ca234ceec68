"""What a map cost: passes are counted, time and peak memory measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from wsol.models.cost import Cost

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class VariantCost:
    """What one variant cost for one image, as if it ran alone.

    Attributes
    ----------
    forwards, backwards, partial_forwards : passes, in images.
    ms, peak_mb : time, and peak memory beyond what was held before; None where they were not measured.
    """

    forwards: float
    backwards: float
    partial_forwards: float
    ms: float | None = None
    peak_mb: float | None = None

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
        )

    def columns(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class PeakMemory:
    """A `with` block that knows the most memory it held beyond what was held before, in MB.

    On CUDA this is the allocator's own count. On the CPU it is the process's peak resident memory (Linux), which
    misses what the allocator reuses without asking the system: good for comparing methods, not for accounting.
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
        self.peak_mb = max(0.0, peak - self._start)


def _resident(field: str) -> float:
    """A field of /proc/self/status in MB; NaN where there is none."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), float("nan"))

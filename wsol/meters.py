"""Peak memory of a block of work."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


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

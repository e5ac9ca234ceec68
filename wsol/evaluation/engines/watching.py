"""How far all workers of a run are together, for the process that started them."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from wsol.progress import Progress
from wsol.runs.leases import WORK, presences

if TYPE_CHECKING:
    from wsol.runs.folder import RunFolder

LATE_SECONDS = 15.0  # for workers that don't end although nothing is left: stopped, hung, or still in a queue


class Watch:
    """A `with` block with a progress bar of the images that workers wherever they are have computed.

    Parameters
    ----------
    total : images that are due.
    """

    def __init__(self, folder: RunFolder, total: int) -> None:
        self.folder, self.total = folder, total
        self.images = 0
        self._by_worker: dict[str, int] = {}
        self._bar = Progress({0: (total, 1.0)}, what=folder.name)
        self._finished: float | None = None

    def __enter__(self) -> Watch:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def look(self) -> None:
        """Count what was computed since the last look."""
        known = presences(self.folder.path / WORK)
        self._by_worker |= {one.id: max(one.images, self._by_worker.get(one.id, 0)) for one in known}
        images = min(sum(self._by_worker.values()), self.total)
        if images > self.images:
            self._bar.advance(0, images - self.images)
            self.images = images

    def finished(self) -> None:
        """Note that a worker ended well, which it does when no shard is left."""
        if self._finished is None:
            self._finished = time.monotonic()

    @property
    def has_finished(self) -> bool:
        """Whether a worker ended well."""
        return self._finished is not None

    @property
    def is_over(self) -> bool:
        """Whether the other workers need not be waited for: none is at work, or those that are were waited for."""
        if self._finished is None:
            return False
        late = time.monotonic() - self._finished > LATE_SECONDS
        return late or not presences(self.folder.path / WORK)

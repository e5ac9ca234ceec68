"""A bar with rate and time left on a terminal; plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0  # between plain lines


class Progress:
    """Counts images. `with Progress(total=500, what="shapes") as p: p.advance(16)`."""

    def __init__(self, *, total: int, what: str) -> None:
        self.total, self.what = total, what
        self.done = 0
        self._started = self._said = time.monotonic()
        self._bar: RichProgress | None = None
        if sys.stderr.isatty():
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total, rate="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def rate(self) -> float:
        """Images a second since the start."""
        return self.done / max(time.monotonic() - self._started, 1e-9)

    def advance(self, images: int) -> None:
        """`images` more are done."""
        self.done += images
        if self._bar:
            self._bar.update(self._task, advance=images, rate=f"{self.rate:.1f} images/s")
        elif time.monotonic() - self._said > EVERY_SECONDS:
            self._say("")

    def note(self, text: str) -> None:
        """A shard is written: one plain line where there is no bar."""
        if not self._bar:
            self._say(f"; {text}")

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        left = (self.total - self.done) / max(self.rate, 1e-9)
        log.info("%s: %d/%d images, %.1f/s, %.0f s left%s", self.what, self.done, self.total, self.rate, left, text)

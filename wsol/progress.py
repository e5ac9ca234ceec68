"""A bar with rate and time left on a terminal, a line in the cell of a notebook; plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0  # between plain lines
SOON_SECONDS = 5.0  # until the second one, which has a rate
CELL_SECONDS = 0.5  # between two versions of the line in a notebook


class Progress:
    """Counts images (or what `unit` says) of several kinds, of which each takes its own time.

    Images that lack the same are of one kind: those in the sample of a costly method take longer than others, wherever
    they stand in the order. The time left is that of each kind's images, at the rate of its own so far.

    Parameters
    ----------
    kinds : by kind, how many images there are, and the relative work that one image is guessed to be.
    """

    def __init__(self, kinds: Mapping[Hashable, tuple[int, float]], *, what: str, unit: str = "images") -> None:
        self.what, self.unit = what, unit
        self.total = sum(images for images, _ in kinds.values())
        self._left = {kind: images for kind, (images, _) in kinds.items()}
        self._guess = {kind: work for kind, (_, work) in kinds.items()}
        self._seen: dict[Hashable, tuple[int, float]] = {}  # images and seconds
        self._started = self._reported = self._last = time.monotonic()
        self._lines = 0
        self._bar: RichProgress | None = None
        self._cell = _Cell.here()
        if self._cell is None and sys.stderr.isatty():
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                console=Console(stderr=True),
                transient=True,
            )

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total, rate="")
        elif self.total and self._cell:
            self._cell.show(f"{self.what}: 0/{self.total} {self.unit}")
        elif self.total:
            log.info("%s: 0/%d %s", self.what, self.total, self.unit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        elif self._cell and self.total:
            self._show(time.monotonic())

    @property
    def done(self) -> int:
        return self.total - sum(self._left.values())

    @property
    def seconds_left(self) -> float:
        """By the pace of each kind; a kind not seen yet goes at the pace of all others, scaled by its guess."""
        work = sum(images * self._guess[kind] for kind, (images, _) in self._seen.items())
        pace = sum(seconds for _, seconds in self._seen.values()) / work if work else 0.0
        seconds = 0.0
        for kind, images in self._left.items():
            seen = self._seen.get(kind)
            seconds += images * (seen[1] / seen[0] if seen else pace * self._guess[kind])
        return seconds

    def advance(self, kind: Hashable, images: int) -> None:
        """`images` more of a kind are done."""
        now = time.monotonic()
        before = self._seen.get(kind, (0, 0.0))
        self._seen[kind] = (before[0] + images, before[1] + now - self._last)
        self._left[kind] -= images
        self._last = now
        if self._bar:
            self._bar.update(self._task, advance=images, rate=self._pace(now))
        elif self._cell:
            if now - self._reported > CELL_SECONDS:
                self._show(now)
        elif now - self._reported > (EVERY_SECONDS if self._lines else SOON_SECONDS):
            self._report("", now)

    def drop(self, kind: Hashable, images: int) -> None:
        """`images` of a kind need not be done here: somebody else has done them, or nobody will."""
        self._left[kind] -= images
        self.total -= images
        if self._bar:
            self._bar.update(self._task, total=self.total)

    def note(self, text: str) -> None:
        """A shard is written: one plain line where there is no bar."""
        if not self._bar and not self._cell:
            self._report(f"; {text}", time.monotonic())

    def _pace(self, now: float) -> str:
        return f"{self.done / max(now - self._started, 1e-9):.1f} {self.unit}/s, {self.seconds_left:.0f} s left"

    def _show(self, now: float) -> None:
        assert self._cell is not None
        self._reported = now
        self._cell.show(f"{self.what}: {self.done}/{self.total} {self.unit}, {self._pace(now)}")

    def _report(self, text: str, now: float) -> None:
        self._reported, self._lines = now, self._lines + 1
        log.info("%s: %d/%d %s, %s%s", self.what, self.done, self.total, self.unit, self._pace(now), text)


class _Cell:
    """A line in the output of a notebook's cell, each version in the place of the one before."""

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None

    @classmethod
    def here(cls) -> _Cell | None:
        """That of the running cell; None in a terminal, also in IPython's, and in a program."""
        ipython = sys.modules.get("IPython")  # a notebook has imported it
        shell = ipython.get_ipython() if ipython is not None else None
        return cls(sys.modules["IPython.display"].display) if hasattr(shell, "kernel") else None

    def show(self, text: str) -> None:
        """The line is `text` from now on."""
        data = {"text/plain": text}
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def duration(seconds: float) -> str:
    """Seconds in words, rounded as a forecast may be."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

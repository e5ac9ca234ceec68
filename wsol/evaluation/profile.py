"""Where the time of a run went: the main thread by stage, and the busy time of the threads beside it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


class Profile:
    """Seconds by stage. Stages of the main thread may be nested; each second counts for the innermost one."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._own: dict[str, float] = defaultdict(float)
        self._beside: dict[str, float] = defaultdict(float)
        self._stack: list[str] = ["other"]
        self._since = self._started
        self._lock = Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A block of the main thread."""
        self._charge()
        self._stack.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def timed(self, name: str, call: Callable[[], T]) -> Callable[[], T]:
        """`call`, with its seconds counted as those of threads beside the main one."""

        def run() -> T:
            started = time.perf_counter()
            try:
                return call()
            finally:
                with self._lock:
                    self._beside[name] += time.perf_counter() - started

        return run

    def _charge(self) -> None:
        now = time.perf_counter()
        self._own[self._stack[-1]] += now - self._since
        self._since = now

    def seconds(self) -> dict[str, float]:
        """Seconds by stage of the main thread; they sum to the time since the profile was made."""
        self._charge()
        return dict(self._own)

    def table(self) -> list[dict[str, str]]:
        """Lines of a table: stages of the main thread, whose seconds sum to the whole, then the threads beside it."""
        self._charge()
        whole = self._since - self._started
        lines = [(name, seconds) for name, seconds in sorted(self._own.items(), key=lambda item: -item[1])]
        rows = [_line(name, seconds, whole) for name, seconds in [*lines, ("whole", whole)]]
        return rows + [_line(f"beside it: {name}", seconds, whole) for name, seconds in sorted(self._beside.items())]


def _line(name: str, seconds: float, whole: float) -> dict[str, str]:
    return {"stage": name, "seconds": f"{seconds:.2f}", "share": f"{100 * seconds / max(whole, 1e-9):.1f} %"}

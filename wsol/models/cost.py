"""What was spent: passes and seconds, counted per image. No torch, so that records of metrics and rows can name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Full forwards, backwards and forwards from a layer on, in images; and seconds."""

    forwards: float = 0.0
    backwards: float = 0.0
    partial_forwards: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(self._all, other._all, strict=True)))

    def __sub__(self, other: Cost) -> Cost:
        return Cost(*(a - b for a, b in zip(self._all, other._all, strict=True)))

    @property
    def _all(self) -> tuple[float, float, float, float]:
        return self.forwards, self.backwards, self.partial_forwards, self.seconds


Memo = dict[object, tuple[object, Cost]]

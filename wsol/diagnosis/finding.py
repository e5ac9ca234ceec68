"""One line of what `wsol doctor` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, and the outcome; a ``bad`` one makes the exit code 1.

    Attributes
    ----------
    about : ``installation``, ``dataset``, ``model``, ``labels``, ``method`` or ``run``.
    """

    state: State
    about: str
    text: str


def listed(state: State, about: str, texts: list[str], *, most: int = 20) -> Iterator[Finding]:
    """A finding for each text, the first `most` of them, and how many more there are."""
    yield from (Finding(state, about, text) for text in texts[:most])
    if len(texts) > most:
        yield Finding(state, about, f"... and {len(texts) - most} more; --json lists all")

"""Which readers can read a path, by a look at what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsol.datasets.base import datasets
from wsol.datasets.listing import listing

if TYPE_CHECKING:
    from wsol.datasets.stores.remote_path import AnyPath

MOST_FOLDERS = 20  # within a path that are searched; more are classes of images rather than data sets


@dataclass(frozen=True, slots=True)
class Guess:
    """A reader's name, and the options by which it reads a path."""

    key: str
    options: Mapping[str, str | None]


def guesses(path: AnyPath) -> list[Guess]:
    """Every way to read what is at a path; where there is none, what is in the folders there.

    A data set's own reader comes before that of a format in which many are published (`Dataset.general`).
    """
    found = _at(path)
    if _boxed(found):
        return _boxed(found)
    names = listing(path).folders
    inner = [guess for name in names for guess in _at(path / name)] if len(names) <= MOST_FOLDERS else []
    return _boxed(inner) or found or inner


def _boxed(found: list[Guess]) -> list[Guess]:
    """The ways that give boxes or masks: folders of images alone are read where there is no other way."""
    return [guess for guess in found if not datasets[guess.key].boxless]


def _at(path: AnyPath) -> list[Guess]:
    found = [Guess(key, options) for key, reader in datasets.items() for options in reader.recognize(path)]
    return [guess for guess in found if not datasets[guess.key].general] or found

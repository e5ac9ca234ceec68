"""What users read when something is wrong: one sentence, with the value and the way out.

Every error of the suite is a `WsolError`. The command line prints its message alone and exits with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

FEW = 8  # names that fit into a sentence
LONG = 200  # characters of a name that do


class WsolError(Exception):
    """Base of all errors that are the input's fault: the message says what, which value, and what to do."""

    exit_code = 2


class UnknownName(WsolError):
    """A method, layer, model, dataset, protocol or option that does not exist."""


class LayerError(WsolError):
    """A layer that is not in the network, or has no spatial output."""


class HeadError(WsolError):
    """A method that needs a linear head after global average pooling, on a network without one."""


class DataError(WsolError):
    """Images or annotations that are missing, corrupt or don't fit each other."""


class ModelError(WsolError):
    """A network or its weights that can't be loaded as asked."""


class ConfigError(WsolError):
    """A choice or an option value that can't be used."""


class OutputError(WsolError):
    """A place that can't be written."""


class MapError(WsolError):
    """A score map with unusable values or shape."""


class RowsFailed(WsolError):
    """Methods or metrics that raised on some images; everything else was computed."""

    exit_code = 1


def unknown(
    kind: str, name: str, names: Iterable[str], *, see: str = "", error: type[WsolError] = UnknownName
) -> WsolError:
    """The error for a name that isn't there, with the nearest one that is; all of a few where none is near.

    >>> str(unknown("method", "gradcamm", ["cam", "gradcam"]))
    "there is no method 'gradcamm'; nearest: 'gradcam'"
    """
    known = sorted(names)
    short = name[:LONG]  # matching takes time that grows with the square of the length
    near = get_close_matches(short, known, n=1, cutoff=0.5) or get_close_matches(short.lower(), known, n=1, cutoff=0.4)
    sentence = f"there is no {kind} {_cut(name)!r}"
    if near:
        sentence += f"; nearest: {_cut(near[0])!r}"
    elif 0 < len(known) <= FEW:
        sentence += f"; there are {', '.join(map(_cut, known))}"
    if see:
        sentence += f". See: {see}"
    return error(sentence)


def _cut(name: str) -> str:
    return name if len(name) <= LONG else f"{name[:LONG]}..."


def first_line(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its message."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

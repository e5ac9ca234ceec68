"""What users read when something is wrong: one sentence, with the value and the way out.

Every error of the suite is a `WsolError`. The command line prints its message alone and exits with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

FEW = 8  # names that fit into a sentence
LONG = 80  # letters of a value that fit into a sentence


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
    name = name[: 2 * LONG]
    near = get_close_matches(name, known, n=1, cutoff=0.5) or get_close_matches(name.lower(), known, n=1, cutoff=0.4)
    sentence = f"there is no {kind} {quoted(name)}"
    if near:
        sentence += f"; nearest: {quoted(near[0])}"
    elif 0 < len(known) <= FEW:
        sentence += f"; there are {', '.join(one if len(one) <= LONG else quoted(one) for one in known)}"
    if see:
        sentence += f". See: {see}"
    return error(sentence)


def quoted(value: object) -> str:
    """A value as Python writes it, the middle left out where it is long.

    >>> quoted("a" * 1000)[-8:], quoted(10**5000)
    ("aaaaaaa'", 'a number of more than 4300 digits')
    """
    try:
        text = repr(value)
    except ValueError:  # Python writes no longer integers
        return "a number of more than 4300 digits"
    half = LONG // 2
    return text if len(text) <= LONG else f"{text[:half]}...{text[-half:]}"


def first_line(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its message."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

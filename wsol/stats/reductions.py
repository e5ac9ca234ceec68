"""Numbers of all images together, by name: what a footer can say of a quantity that is more than a mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wsol.errors import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Reduction = Callable[[Mapping[str, Sequence[Any]], NDArray[np.float64]], NDArray[np.float64]]

_known: dict[str, Reduction] = {}


def register(name: str, function: Reduction) -> None:
    """Let `name` stand for a function of (columns, weights (r, n)) to (r,) numbers."""
    _known[name] = function


def is_known(name: str) -> bool:
    """Whether `reduce` can be asked for it."""
    return name in _known


def reduce(name: str, columns: Mapping[str, Sequence[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r,) numbers, one under each of the (r, n) weightings of the n images. Raises UnknownName."""
    if name not in _known:
        raise unknown("reduction", name, _known)
    return _known[name](columns, weights)

"""Arrays that a thread keeps between calls.

Fresh arrays of megabytes in every call are pages that the system must clear, under a lock that all threads share: with
them two threads were slower than one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

KEPT = 4  # of one name, the latest: sizes of the frames that images share

T = TypeVar("T")
_own = threading.local()


def kept(name: str, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gave this thread for the same name and key; its contents are whatever the last user left."""
    known = cast("dict[tuple[str, Hashable], Any]", _own.__dict__)
    if (name, key) not in known:
        same = [other for other in known if other[0] == name]
        for other in same[: len(same) + 1 - KEPT]:
            del known[other]
        known[name, key] = make()
    return cast(T, known[name, key])


def buffer(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of this thread, not cleared; valid until the thread asks for the same name again."""
    return kept(name, (shape, np.dtype(dtype).str), lambda: np.empty(shape, dtype))

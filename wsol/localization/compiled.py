"""How the inner loops of this room are compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])

# mypy takes these for plain numbers. Positions are unsigned: numba then need not ask whether an index counts from the
# end, a fifth of the time
U = cast("Callable[[Any], int]", np.uintp)
Int32 = cast("Callable[[Any], int]", np.int32)
Int64 = cast("Callable[[Any], int]", np.int64)


_ROOM = tuple(
    sorted((file.name, file.stat().st_mtime, file.stat().st_size) for file in Path(__file__).parent.glob("*.py"))
)


def compiled(function: F) -> F:
    """Compiled by numba at the first call, kept on disk for the next process, run without the GIL.

    Give it arrays of one type only: each new type is compiled again, which takes seconds.
    """
    made = numba.njit(cache=True, nogil=True)(function)
    # numba compiles what a function calls into it, yet compiles it again only when its own file changes
    file = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = (file._source_stamp, _ROOM)
    return cast(F, made)

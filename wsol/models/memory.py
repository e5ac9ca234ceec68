"""Out of memory: how it is told from other errors, and work in smaller parts until it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

T = TypeVar("T")

CPU_MESSAGES = ("can't allocate memory", "not enough memory")  # of torch's allocator, in a plain RuntimeError


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine itself, had no memory left for a tensor."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in CPU_MESSAGES)


class Fitting:
    """Remembers how many items of a kind fit into memory at a time, and halves that number when they don't.

    Attributes
    ----------
    most : by kind, the number that may run; kinds that never failed are not in it.
    """

    def __init__(self) -> None:
        self.most: dict[object, int] = {}

    def run(self, kind: object, items: Sequence[int] | range, work: Callable[[Sequence[int]], T]) -> list[T]:
        """`work` on all items, in order, in one part or in as few as memory allows.

        Raises
        ------
        The error of the device where a single item does not fit.
        """
        done: list[T] = []
        waiting = [items]
        while waiting:
            part = waiting.pop(0)
            if len(part) > (most := self.most.get(kind, len(part))):
                waiting = [part[n : n + most] for n in range(0, len(part), most)] + waiting
                continue
            try:
                done.append(work(part))
                continue
            except (RuntimeError, MemoryError) as error:
                if len(part) == 1 or not out_of_memory(error):
                    raise
            # behind the handler, for the error's traceback holds the tensors of the attempt
            self.most[kind] = (len(part) + 1) // 2
            waiting.insert(0, part)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return done

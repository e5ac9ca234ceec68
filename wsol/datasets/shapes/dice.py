"""Random numbers that are a pure function of a name: splitmix64 (Steele, Lea and Flood, 2014), counted, not stepped.

Each decision of a drawing has its own dice, named by a path such as (seed, "train", 17, "body", 0). So an option that
adds a distractor or changes a background leaves every other decision of the image as it was, and ablations are
paired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALL = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15  # splitmix64's increment, 2**64 / golden ratio
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_HALF_ULP = 1.0 / (1 << 53)


def mix(z: int) -> int:
    """splitmix64's finaliser: a bijection of 64-bit integers in which every input bit moves every output bit."""
    z = ((z ^ (z >> 30)) * _MIX_1) & _ALL
    z = ((z ^ (z >> 27)) * _MIX_2) & _ALL
    return z ^ (z >> 31)


class Dice:
    """A stream of random numbers with a name; equal names give equal streams.

    Parameters
    ----------
    path : integers and words that name the stream.
    """

    __slots__ = ("_count", "key")

    def __init__(self, *path: int | str) -> None:
        self.key = _extend(0, path)
        self._count = 0

    def child(self, *path: int | str) -> Dice:
        """A stream of its own below this one; it does not depend on how far this one has been read."""
        child = Dice()
        child.key = _extend(self.key, path)
        return child

    def bits(self) -> int:
        """The next 64 bits."""
        self._count += 1
        return mix((self.key + self._count * _STEP) & _ALL)

    def unit(self) -> float:
        """The next number in [0, 1), a multiple of 2**-53."""
        return (self.bits() >> 11) * _HALF_ULP

    def between(self, low: float, high: float) -> float:
        """The next number in [low, high)."""
        return low + (high - low) * self.unit()

    def below(self, n: int) -> int:
        """The next integer in 0..n-1."""
        return ((self.bits() >> 32) * n) >> 32

    def order(self, n: int) -> list[int]:
        """A shuffle of 0..n-1 (Fisher-Yates)."""
        order = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order

    def turn(self, limit: float = 1.0) -> tuple[float, float]:
        """A random rotation as (cos, sin), without trigonometry.

        With t in [-1, 1], ((1 - t^2)/(1 + t^2), 2t/(1 + t^2)) runs over the right half of the circle, between -90 and
        90 degrees; `limit` narrows t, and at 1 a random half turn fills the rest.
        """
        t = self.between(-limit, limit)
        cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        if limit >= 1 and self.bits() >> 63:
            return -cos, -sin
        return cos, sin


def lattice(key: int, rows: int, columns: int) -> NDArray[np.float64]:
    """(rows, columns) independent numbers in [0, 1), a pure function of `key` and the place."""
    place = np.arange(1, rows * columns + 1, dtype=np.uint64)
    z = place * np.uint64(_STEP) + np.uint64(key)  # unsigned arrays wrap around, as meant
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
    z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) * _HALF_ULP).reshape(rows, columns)


def _extend(key: int, path: tuple[int | str, ...]) -> int:
    for part in path:
        if isinstance(part, str):
            word = part.encode()
            numbers = [len(word), *(int.from_bytes(word[i : i + 8], "little") for i in range(0, len(word), 8))]
        else:
            numbers = [part & _ALL]
        for number in numbers:
            key = mix(((key ^ mix((number + _STEP) & _ALL)) + _STEP) & _ALL)
    return key

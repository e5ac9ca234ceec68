"""Hits as bits, those of all images side by side for each threshold: what is counted are bits of whole words.

A run keeps the bits of each image side by side instead, one for each threshold. Blocks of 8 x 8 are turned at once, as
64-bit words (Warren 2013, Hacker's Delight, sec. 7-3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

WORD = 64
CHUNK = 64 * WORD  # images turned at a time: 128 kB of 255 thresholds, which a core's cache holds
# by how many bits two halves of a block stand apart, and which bits of it change places with those
TURNS = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))


@dataclass(frozen=True, slots=True)
class Bits:
    """Hit or miss of n images at g thresholds.

    Attributes
    ----------
    rows : (g, w) little-endian words; image i is bit i % 64 of word i // 64, and bits beyond the last image are 0.
    """

    n: int
    rows: Words

    @classmethod
    def of(cls, packed: NDArray[np.uint8], start: int, width: int) -> Bits:
        """From (n, bytes) of each image's bits, those at `start` to `start + width`, first bit highest."""
        parts = [_turned(packed[at : at + CHUNK]) for at in range(0, max(len(packed), 1), CHUNK)]
        rows = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        return cls(len(packed), rows[start : start + width])

    def words(self, mask: NDArray[np.bool_]) -> Words:
        """(w,) of the bits of an (n,) mask."""
        padded = np.zeros(WORD * self.rows.shape[1], bool)
        padded[: self.n] = mask
        return np.packbits(padded, bitorder="little").view("<u8")

    def column(self, index: int) -> NDArray[np.bool_]:
        """(n,) which images are hits at the threshold `index`."""
        return np.unpackbits(self.rows[index].view(np.uint8), count=self.n, bitorder="little").view(bool)

    def counts(self, mask: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """(g,) how many images, or how many of those in an (n,) mask, are hits at each threshold."""
        return ones(self.rows if mask is None else self.rows & self.words(mask))

    def changes(self) -> NDArray[np.bool_]:
        """(g,) at which thresholds hits are not those of the one before; at the first one, whether there are any."""
        changed = np.empty(len(self.rows), bool)
        changed[0] = self.rows[0].any()
        (self.rows[1:] != self.rows[:-1]).any(1, out=changed[1:])
        return changed

    def flips(
        self, places: NDArray[np.int64], mask: NDArray[np.bool_] | None, *, first: bool
    ) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]]:
        """Where images, or those of a mask, flip from each of k thresholds to the next; with `first`, at that one too.

        Returns
        -------
        signs, images, ends : (e,), (e,) and (k + 1,), as the parts of a sparse matrix: +1 to a hit or -1 to a miss.
        """
        taken = self.rows[places]
        if mask is not None:
            taken &= self.words(mask)
        flips = taken.copy()
        flips[1:] ^= taken[:-1]
        if not first:
            flips[0] = 0
        bits = flips.view(np.uint8).ravel()
        at = np.flatnonzero(np.unpackbits(bits, bitorder="little").view(bool))
        signs = 2 * np.unpackbits(taken.view(np.uint8).ravel(), bitorder="little")[at].view(np.int8) - np.int8(1)
        images = (at % (WORD * taken.shape[1])).astype(np.int32)
        ends = np.zeros(len(taken) + 1, np.int32)
        np.cumsum(ones(flips), out=ends[1:])
        return signs, images, ends


def _turned(packed: NDArray[np.uint8]) -> Words:
    """(n, bytes) bits of images to (8 bytes, w) words of thresholds."""
    n, size = packed.shape
    whole = np.zeros((-(-n // WORD) * WORD, size), np.uint8)
    whole[:n] = packed
    blocks = np.ascontiguousarray(whole.reshape(-1, 8, size).transpose(2, 0, 1)).view("<u8")[..., 0]
    for shift, mask in TURNS:
        apart = (blocks ^ (blocks >> np.uint64(shift))) & np.uint64(mask)
        blocks = blocks ^ apart ^ (apart << np.uint64(shift))
    turned = blocks[..., None].view(np.uint8)[..., ::-1]  # the first threshold is the highest bit
    return np.ascontiguousarray(turned.transpose(0, 2, 1)).reshape(8 * size, -1).view("<u8")


def ones(rows: Words) -> NDArray[np.int64]:
    """(g,) the number of bits that are 1 in each of (g, w) words."""
    each: NDArray[Any] = np.bitwise_count(rows) if hasattr(np, "bitwise_count") else _by_byte(rows)
    return np.asarray(each.sum(1, dtype=np.int64))


def _by_byte(rows: Words) -> NDArray[np.uint8]:
    """The bits themselves: NumPy 1 can't count them."""
    return np.unpackbits(np.ascontiguousarray(rows).view(np.uint8), axis=1)

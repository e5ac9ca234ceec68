"""How much an archive may unpack to, and how many members it may have, before it is refused as a bomb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wsol.errors import DataError

RATIO = 100  # unpacked bytes per stored one; XML files of boxes reach 35, deflate's own limit is 1032
SMALL = 512 * 2**20  # unpacked bytes that harm nobody, whatever the ratio, which is 200 for 50,000 drawn XML files
MOST_MEMBERS = 5_000_000  # ImageNet's training images are 1.3 million


@dataclass(slots=True)
class Budget:
    """What is left of the limits while one archive, and all within it, is read.

    Attributes
    ----------
    declared, unpacked : bytes that its members may declare, and that its compressed streams may give.
    members : how many more it may have. links : how many were passed over.
    """

    name: str
    declared: float
    unpacked: float
    members: int
    links: int = 0

    def take(self, *, declared: int = 0, unpacked: int = 0, members: int = 0) -> None:
        """Count that much more. Raises DataError where it passes a limit."""
        self.declared -= declared
        self.unpacked -= unpacked
        self.members -= members
        if self.declared < 0 or self.unpacked < 0:
            raise DataError(
                f"{self.name} unpacks to more than {RATIO} times its size; such an archive is refused as a bomb"
            )
        if self.members < 0:
            raise DataError(f"{self.name} has more than {MOST_MEMBERS} members; unpack it yourself and give the folder")


def budget_for(path: Path) -> Budget:
    """The limits for an archive of that size."""
    most = max(SMALL, RATIO * path.stat().st_size)
    return Budget(path.name, declared=most, unpacked=most, members=MOST_MEMBERS)


class Counted:
    """A decompressed stream, whose bytes count against the budget: a bomb may lie behind the last member, too."""

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream, self._budget = stream, budget

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._budget.take(unpacked=len(piece))
        return piece

"""What a dataset's archives hold and where it goes: a frozen record of patterns, places and counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from wsol.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files of one kind: the images, their boxes, ...

    Attributes
    ----------
    name : in summaries.
    pattern : regular expression for the end of a member's path, from the beginning of a folder's or file's name on. It
        must match `place`, too, so that files that are in their place are known by it.
    place : path below the destination; ``\\g<1>`` or ``\\g<name>`` stands for a group of the pattern.
    counts : how many files the source states; several where it has editions; empty where it states none.
    certain : whether `counts` were read at the source or counted in its lists. Others are from memory or from third
        parties: a difference is a warning, and nothing counts as missing.
    archives : the archive that holds them, as its source calls it, for messages.
    required : the dataset's tables need it.
    belongs_to : a part with which this one is required, too. instead : parts with any of which it is not.
    """

    name: str
    pattern: str
    place: str
    counts: tuple[int, ...] = ()
    certain: bool = True
    archives: str = ""
    required: bool = True
    belongs_to: str = ""
    instead: tuple[str, ...] = ()

    def place_of(self, path: str) -> str | None:
        """Where a member goes; None for one of another kind."""
        match = _compiled(self.pattern).fullmatch(path)
        return match.expand(self.place) if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How one dataset is laid out.

    Attributes
    ----------
    parts : the first one whose pattern matches takes a member; members of no part are left in the archive.
    skipped : regular expression of archives that hold nothing of it (training images), which aren't even read.
    md5 : by an archive's name, the checksum that its source states.
    origin : who states counts. md5_origin : who states checksums.
    """

    key: str
    about: str
    parts: tuple[Part, ...]
    skipped: str = ""
    md5: Mapping[str, str] = field(default_factory=dict)
    md5_origin: str = ""
    origin: str = ""

    def place_of(self, path: str) -> str | None:
        """Where a member goes below the destination; None where it is not kept."""
        return next((place for part in self.parts if (place := part.place_of(path)) is not None), None)

    def part_at(self, place: str) -> Part | None:
        """The part that a file below the destination is of; None for a file that is not in its place."""
        return next((part for part in self.parts if part.place_of(place) == place), None)

    def skips(self, archive: str) -> bool:
        """Whether an archive of that name is left alone."""
        return bool(self.skipped) and _compiled(self.skipped).fullmatch(archive) is not None


preparations: Registry[Preparation] = Registry("preparation", "wsol.datasets.prepare")


def preparation(record: Preparation) -> Preparation:
    """Register how a dataset is prepared, under its key."""
    return preparations.add(record.key, record)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:.*?/)??{pattern}")  # the longest end that matches

"""Shards: fixed lists of image ids, the units of work, and what is measured of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Work = frozenset[tuple[str, str]]  # (variant key, measure name)


@dataclass(frozen=True, slots=True)
class Shard:
    """A fixed list of image ids: the unit of work. It does not depend on how many workers there are."""

    index: int
    image_ids: tuple[str, ...]


def shards(image_ids: Sequence[str], size: int) -> tuple[Shard, ...]:
    """The sorted ids in pieces of `size`."""
    ordered = sorted(image_ids)
    return tuple(
        Shard(number, tuple(ordered[start : start + size])) for number, start in enumerate(range(0, len(ordered), size))
    )


def content_hash(identity: Mapping[str, Any], digits: int = 8) -> str:
    """Hex digits that change when anything in `identity` does."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]

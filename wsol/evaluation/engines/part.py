"""Which shards one of several processes takes, so that they can work on one run without asking each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError

if TYPE_CHECKING:
    from wsol.runs.folder import Shard


@dataclass(frozen=True, slots=True)
class Part:
    """Every `of`-th shard, from shard `number` (counted from 1). The default is all of them."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, value: Any) -> Part:
        """From ``2/8`` or None. Raises ConfigError for anything else, and where the number is not within 1..of."""
        if value is None:
            return cls()
        found = re.fullmatch(r"(\d+)/(\d+)", str(value))
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"engine.part={value} is no part; give number/of, for example 2/8, from 1/8 to 8/8")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, shards: Sequence[Shard]) -> Sequence[Shard]:
        return shards[self.number - 1 :: self.of]

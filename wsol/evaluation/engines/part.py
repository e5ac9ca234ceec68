"""Which shards one of several processes takes, so that they can work on one run without asking each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError

if TYPE_CHECKING:
    from wsol.runs.shards import Shard


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
        match = re.fullmatch(r"(\d+)/(\d+)", str(value))
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise ConfigError(
                f"engine.part={value} is not valid; expected NUMBER/OF such as 2/8, with NUMBER from 1 to OF"
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, shards: Sequence[Shard]) -> Sequence[Shard]:
        return shards[self.number - 1 :: self.of]

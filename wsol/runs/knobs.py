"""Rows are known by their protocol's name: a name must not come to mean something else beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError

if TYPE_CHECKING:
    from wsol.runs.footer import Footer


def check_knobs(asked: Mapping[str, Mapping[str, Any]], footers: Iterable[Footer], *, where: object) -> None:
    """Raises ConfigError where stored rows were made by a protocol of the same name with other knobs.

    That happens to a protocol in a file of one's own, edited between two runs. Knobs that one side lacks were not there
    yet when the rows were made.
    """
    for footer in footers:
        for name, info in footer.protocols.items():
            stored = info.knobs
            now = json.loads(json.dumps(asked.get(name, {})))  # as the footer would hold them: tuples are lists there
            other = sorted(k for k in now.keys() & stored.keys() if now[k] != stored[k])
            if other:
                was, is_ = (", ".join(f"{k}={side[k]}" for k in other) for side in (stored, now))
                raise ConfigError(
                    f"protocol {name} is {is_}, but the rows in {where} were made with {was}; give it another name"
                )

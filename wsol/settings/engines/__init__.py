"""Engines: who computes the shards of a run. One file per engine, with its options; what runs it is named there."""

from __future__ import annotations

from collections.abc import Callable

from wsol.options import component
from wsol.registry import Registry
from wsol.settings.records import Engine

engines: Registry[type[Engine]] = Registry("engine", "wsol.settings.engines")


def engine(key: str) -> Callable[[type[Engine]], type[Engine]]:
    """Register a class of options under the name that ``engine=`` takes."""

    def register(cls: type[Engine]) -> type[Engine]:
        return engines.add(key, component(cls, "engine"))

    return register

"""``engine=local``: this machine."""

from __future__ import annotations

from wsol.settings.engines import engine
from wsol.settings.records import Engine


@engine("local")
class Local(Engine):
    """Worker processes on this machine, one for each GPU; equal commands elsewhere share the work."""

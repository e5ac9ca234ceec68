"""Who runs the shards. Engines are thin: they only call `evaluate_shard`."""

from wsol.engines.local import run_local
from wsol.engines.part import Part

__all__ = ["Part", "run_local"]

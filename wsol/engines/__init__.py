"""Who runs the shards. Engines are thin: they only call `evaluate_shard`."""

from wsol.engines.local import run_local

__all__ = ["run_local"]

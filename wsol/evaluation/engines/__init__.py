"""Who runs the shards. Engines are thin: they only call `evaluate_shard`."""

from wsol.evaluation.engines.local import run_local
from wsol.evaluation.engines.part import Part

__all__ = ["Part", "run_local"]

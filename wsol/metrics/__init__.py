"""Metrics on maps: faithfulness, plausibility, classification. `base` has the contract; one idea a file."""

from wsol.metrics.base import Case, Metric, MetricInfo, Score, mean, metric, metrics

__all__ = ["Case", "Metric", "MetricInfo", "Score", "mean", "metric", "metrics"]

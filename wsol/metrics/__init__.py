"""Metrics on maps: faithfulness, plausibility, classification. `base` has the contract; one idea a file."""

from wsol.metrics._base import Case, Columns, Metric, MetricInfo, Score, mean, metric, metrics

__all__ = ["Case", "Columns", "Metric", "MetricInfo", "Score", "mean", "metric", "metrics"]

"""Metrics of maps: faithfulness, plausibility, classification. One file per metric; `_base` has the contract."""

from wsol.metrics._base import Columns, Metric, MetricInfo, MetricInput, metric, metrics
from wsol.metrics._scores import Score, mean

__all__ = ["Columns", "Metric", "MetricInfo", "MetricInput", "Score", "mean", "metric", "metrics"]

"""Where images, labels, boxes and masks come from. One file per dataset; `base` has the contract."""

from wsol.datasets.base import Dataset, Sample, dataset, datasets

__all__ = ["Dataset", "Sample", "dataset", "datasets"]

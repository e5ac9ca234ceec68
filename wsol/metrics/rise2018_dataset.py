"""Deletion and insertion as in RISE's tables (Petsiuk et al., 2018)."""

from wsol.metrics._base import metric
from wsol.metrics._common.rise import CURVES, PAPER, DeletionInsertion
from wsol.options import Steps


@metric(
    "rise2018_dataset",
    paper=PAPER,
    year=2018,
    needs=("model",),
    about="Deletion and insertion as in the paper's tables: 28 steps (1792 pixels at 224 x 224).",
    cost="54F, and 2F per image",
    curves=CURVES,
)
class Rise2018Dataset(DeletionInsertion):
    """Deletion and insertion, the setting of RISE's data-set numbers."""

    steps: Steps = 28

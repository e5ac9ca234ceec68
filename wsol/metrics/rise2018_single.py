"""Deletion and insertion as in RISE's plots of single images (Petsiuk et al., 2018)."""

from wsol.metrics._base import metric
from wsol.metrics._common.rise import CURVES, PAPER, DeletionInsertion
from wsol.options import Steps


@metric(
    "rise2018_single",
    paper=PAPER,
    year=2018,
    needs=("model",),
    about="Deletion and insertion as in the paper's single-image plots: 224 steps (224 pixels at 224 x 224).",
    cost="446F, and 2F per image",
    curves=CURVES,
)
class Rise2018Single(DeletionInsertion):
    """Deletion and insertion, the setting of RISE's single-image plots."""

    steps: Steps = 224

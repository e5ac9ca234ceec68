"""Deletion and insertion as RISE's text describes them (Petsiuk et al., 2018)."""

from typing import Literal

from wsol.metrics._base import metric
from wsol.metrics._common.blur import Blur
from wsol.metrics._common.curves import Ties
from wsol.metrics._common.rise import CURVES, PAPER, DeletionInsertion


@metric(
    "rise_fixed",
    paper=PAPER,
    year=2018,
    needs=("model",),
    about="Deletion and insertion with a true Gaussian, ties in raster order and areas on true fractions.",
    cost="54F, and 2F per image",
    curves=CURVES,
)
class RiseFixed(DeletionInsertion):
    """Deletion and insertion as RISE's text describes them; our choice where its code differs."""

    blur: Blur = "gaussian"
    ties: Ties = "raster"
    spacing: Literal["even", "true"] = "true"

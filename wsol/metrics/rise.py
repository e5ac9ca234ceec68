"""Deletion and insertion (RISE, Petsiuk et al., 2018): how fast the class goes and comes as pixels do.

Three readings under their own names. `rise2018_dataset` and `rise2018_single` follow eclique/RISE, whose blur is almost
a box filter and whose order inside ties is reversed; `rise_fixed` mends both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from wsol.errors import ConfigError
from wsol.metrics.base import Case, Columns, mean, metric
from wsol.metrics.blur import Blur, blurred, folded_kernel, gaussian_kernel
from wsol.metrics.curves import Ties, area, path_probabilities, pixel_order, step_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

PAPER = "Petsiuk, Das and Saenko, RISE, BMVC 2018"


@dataclass(frozen=True, kw_only=True)
class DeletionInsertion:
    """Deletion and insertion curves of one map, and the areas under them.

    Deletion goes from the image to zeros in normalised space (the mean colour), insertion from the blurred image to the
    image; in both the most salient pixels change first. The score is the softmax probability of one class.

    Attributes
    ----------
    steps : how many; the step is ceil(h * w / steps) pixels.
    blur : RISE's ``folded`` kernel or the ``gaussian``, both 11 x 11 with sigma 5.
    border : what the blur sees outside the image; RISE pads with ``zero``, which darkens towards the mean colour.
    ties : order of equally salient pixels; see `pixel_order`.
    spacing : points of the area ``even``, or at the ``true`` fraction of pixels changed (the last step may be shorter).
    of_class : ``top1`` on the original image (RISE: never the label) or the ``target``.
    keep_curves : write the curves into the rows.
    """

    steps: int = 28
    blur: Blur = "folded"
    border: Literal["zero", "reflect"] = "zero"
    ties: Ties = "reversed"
    spacing: Literal["even", "true"] = "even"
    of_class: Literal["top1", "target"] = "top1"
    keep_curves: bool = True

    scores = (
        mean("deletion_auc", label="Deletion", higher_is_better=False),
        mean("insertion_auc", label="Insertion"),
        mean("insertion_minus_deletion", label="Ins - Del"),
    )

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise ConfigError(f"steps={self.steps} makes no curve; give a whole number above 1")

    def measure(self, case: Case) -> Columns:
        """Columns deletion_auc, insertion_auc, insertion_minus_deletion, and the curves `deletion`, `insertion`."""
        deletion, insertion, counts = self.curves(case, pixel_order(case.map, ties=self.ties))
        at = counts / counts[-1] if self.spacing == "true" else None
        columns: Columns = {"deletion_auc": area(deletion, at=at), "insertion_auc": area(insertion, at=at)}
        columns["insertion_minus_deletion"] = columns["insertion_auc"] - columns["deletion_auc"]
        if self.keep_curves:
            columns |= {"deletion": deletion.tolist(), "insertion": insertion.tolist()}
        return columns

    def curves(
        self, case: Case, order: NDArray[np.integer]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Probabilities (n + 1,) along deletion and insertion in a given pixel `order`, and the pixels changed."""
        image, of_class = case.image, case.class_of(self.of_class)
        counts = step_counts(image[0].numel(), self.steps)
        blur, ends = case.once(("rise", self.blur, self.border), lambda: self._substrates(case))
        zeros = torch.zeros_like(image)
        between = path_probabilities(
            case.query, torch.stack([image, blur]), torch.stack([zeros, image]), order, counts[1:-1]
        )[..., of_class]
        whole, none, soft = float(case.probabilities[of_class]), ends[0, of_class], ends[1, of_class]
        deletion = np.concatenate([[whole], between[0], [none]])
        insertion = np.concatenate([[soft], between[1], [whole]])
        return deletion, insertion, counts

    def _substrates(self, case: Case) -> tuple[Tensor, NDArray[np.float64]]:
        """The blurred image, and the outputs (2, C) for zeros and for it: the same for every map of the image."""
        kernel = folded_kernel() if self.blur == "folded" else gaussian_kernel()
        blur = blurred(case.image, kernel, border=self.border)
        found = case.query.probabilities(torch.stack([torch.zeros_like(case.image), blur]))
        return blur, found.double().cpu().numpy()


@metric(
    "rise2018_dataset",
    paper=PAPER,
    year=2018,
    needs=("model",),
    about="Deletion and insertion as in the paper's tables: 28 steps (1792 pixels at 224 x 224).",
    cost="54F, and 2F an image",
)
class Rise2018Dataset(DeletionInsertion):
    """Deletion and insertion, the setting of RISE's data-set numbers."""

    steps: int = 28


@metric(
    "rise2018_single",
    paper=PAPER,
    year=2018,
    needs=("model",),
    about="Deletion and insertion as in the paper's single-image plots: 224 steps (224 pixels at 224 x 224).",
    cost="446F, and 2F an image",
)
class Rise2018Single(DeletionInsertion):
    """Deletion and insertion, the setting of RISE's single-image plots."""

    steps: int = 224


@metric(
    "rise_fixed",
    paper=PAPER,
    year=2018,
    needs=("model",),
    about="Deletion and insertion with a true Gaussian, ties in raster order and areas on true fractions.",
    cost="54F, and 2F an image",
)
class RiseFixed(DeletionInsertion):
    """Deletion and insertion as RISE's text describes them; our choice where its code differs."""

    blur: Blur = "gaussian"
    ties: Ties = "raster"
    spacing: Literal["even", "true"] = "true"

"""Deletion and insertion (RISE, Petsiuk et al., 2018): how fast the class goes and comes as pixels do.

Three readings under their own names. `rise2018_dataset` and `rise2018_single` follow eclique/RISE, whose blur is almost
a box filter and whose order inside ties is reversed; `rise_fixed` mends both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol.metrics._base import OF_CLASS, BatchMetric, Columns, MetricInput, OfClass, digest, once_each
from wsol.metrics._common.blur import Blur, blurred, folded_kernel, gaussian_kernel
from wsol.metrics._common.curves import Paths, Ties, area, map_ranks, path_probabilities, step_counts
from wsol.metrics._common.groups import SizeGroup, by_size
from wsol.metrics._scores import SHARE, mean
from wsol.models.scores import class_probabilities
from wsol.options import Steps, option

Curve = NDArray[np.float64]

PAPER = "Petsiuk, Das and Saenko, RISE, BMVC 2018"
CURVES = {"deletion": "share of pixels deleted", "insertion": "share of pixels inserted"}


@dataclass(frozen=True, kw_only=True)
class DeletionInsertion(BatchMetric):
    """Deletion and insertion curves of one map, and the areas under them.

    Deletion goes from the image to zeros in normalized space (the mean color), insertion from the blurred image to the
    image; in both the most salient pixels change first. The score is the softmax probability of one class.
    """

    steps: Steps = option(28, help="points of a curve; the step is ceil(h w / steps) pixels")
    blur: Blur = option("folded", help="RISE's own kernel (folded) or a Gaussian, both 11 x 11 with sigma 5")
    border: Literal["zero", "reflect"] = option(
        "zero",
        help="outside the image the blur sees zeros, as RISE's does, which darkens towards the mean color, "
        "or a reflection",
    )
    ties: Ties = option("reversed", help="order of equally salient pixels")
    spacing: Literal["even", "true"] = option(
        "even",
        help="points of the area: evenly, or at the true fraction of pixels changed (the last step may be shorter)",
    )
    of_class: OfClass = option("top1", help=f"{OF_CLASS}; RISE never takes the label")
    keep_curves: bool = option(True, help="write the curves into the rows")

    scores = (
        mean("deletion_auc", label="Deletion", higher_is_better=False, bounds=SHARE),
        mean("insertion_auc", label="Insertion", bounds=SHARE),
        mean("insertion_minus_deletion", label="Ins - Del", bounds=(-1, 1)),
    )

    def measure_batch(self, items: Sequence[MetricInput]) -> list[Columns]:
        """Columns deletion_auc, insertion_auc, insertion_minus_deletion, and the curves `deletion`, `insertion`.

        Equal maps of one image are measured once.
        """
        curves = once_each(
            items,
            lambda item: (self._curves_of, digest(item.map)),
            lambda some: self.curves(some, lambda group: map_ranks(group, lambda c: c.map, ties=self.ties)),
        )
        return [self._columns(*curve) for curve in curves]

    def _columns(self, deletion: Curve, insertion: Curve, counts: NDArray[np.int64]) -> Columns:
        at = counts / counts[-1] if self.spacing == "true" else None
        columns: Columns = {"deletion_auc": area(deletion, at=at), "insertion_auc": area(insertion, at=at)}
        columns["insertion_minus_deletion"] = columns["insertion_auc"] - columns["deletion_auc"]
        if self.keep_curves:
            columns |= {"deletion": deletion.tolist(), "insertion": insertion.tolist()}
        return columns

    @property
    def _curves_of(self) -> tuple[object, ...]:
        """The options that move a curve."""
        return "rise curves", self.steps, self.blur, self.border, self.ties, self.of_class

    def curves(
        self, items: Sequence[MetricInput], ranks: Callable[[SizeGroup], Tensor]
    ) -> list[tuple[Curve, Curve, NDArray[np.int64]]]:
        """Probabilities (n + 1,) along deletion and insertion of each item, and the pixels changed.

        Parameters
        ----------
        ranks : from J items of one size to (J, h, w), when each of their pixels changes.
        """
        by_place: dict[int, tuple[Curve, Curve, NDArray[np.int64]]] = {}
        blurs = once_each(items, lambda item: ("rise", self.blur, self.border), self._substrates)
        for group in by_size(items):
            images, n = group.images, len(group.images)
            of_image = dict(zip(group.image.tolist(), (blurs[place] for place in group.places), strict=True))
            classes = torch.tensor([item.class_of(self.of_class) for item in group.items], device=images.device)
            first, item = group.image, torch.arange(len(group.items), device=images.device)
            paths = Paths(
                images=torch.cat([images, *(of_image[i][0][None] for i in range(n)), torch.zeros_like(images[:1])]),
                start=torch.cat([first, first + n]),
                end=torch.cat([torch.full_like(first, 2 * n), first]),
                ranks=ranks(group),
                rank=torch.cat([item, item]),
                classes=torch.cat([classes, classes]),
            )
            counts = step_counts(images[0, 0].numel(), self.steps)
            between = path_probabilities(group.query, paths, counts[1:-1]).view(2, len(item), -1)
            ends = torch.stack([of_image[i][1] for i in range(n)])[first, :, classes]  # (J, 2)
            numbers = torch.cat([between.movedim(0, 1), ends[:, :, None]], 2).cpu().numpy()
            for place, one, (deletion, insertion) in zip(group.places, group.items, numbers, strict=True):
                whole = float(one.probabilities[one.class_of(self.of_class)])
                rising = np.concatenate([insertion[-1:], insertion[:-1], [whole]])
                by_place[place] = np.concatenate([[whole], deletion]), rising, counts
        return [by_place[place] for place in range(len(items))]

    def _substrates(self, items: Sequence[MetricInput]) -> list[tuple[Tensor, Tensor]]:
        """The blurred image, and the outputs (2, C) for zeros and for it: the same for every map of the image."""
        kernel = folded_kernel() if self.blur == "folded" else gaussian_kernel()
        blurs = [blurred(item.image, kernel, border=self.border) for item in items]
        by_place: dict[int, tuple[Tensor, Tensor]] = {}
        for group in by_size(items):
            blocks = (torch.stack([torch.zeros_like(blurs[place]), blurs[place]]) for place in group.places)
            logits = torch.cat([logits for _, logits in group.query.stream(blocks)])
            ends = class_probabilities(logits).double().view(-1, 2, logits.shape[1])
            by_place |= {place: (blurs[place], both) for place, both in zip(group.places, ends, strict=True)}
        return [by_place[place] for place in range(len(items))]

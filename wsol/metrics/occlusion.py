"""Occlusion: hide what the map marks and see what is left of the class.

The LayerCAM paper (Jiang et al., 2021) judges maps by occluding the image where they are high; its exact settings were
not at hand. Our reading: pixels with map01 >= tau become the mean color, and the probability of the class falls the
more, the more of its evidence was there. A larger region tends to hide more, so the area is written beside the drop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wsol.metrics._base import OF_CLASS, BatchMetric, Columns, MetricInput, OfClass, digest, metric, once_each
from wsol.metrics._common.groups import SizeGroup, outputs
from wsol.metrics._scores import SHARE, mean
from wsol.options import PositiveShare, option

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@metric(
    "occlusion",
    paper="Jiang et al., LayerCAM, TIP 2021 (our reading)",
    year=2021,
    needs=("model",),
    about="Fall of the class probability when the pixels above a level of the map are hidden.",
    cost="1F",
)
class Occlusion(BatchMetric):
    """Image occlusion: probability lost when {map01 >= tau} is filled with the mean color."""

    tau: PositiveShare = option(0.5, help="level of the min-max map from which pixels are hidden")
    of_class: OfClass = option("target", help=OF_CLASS)

    scores = (
        mean("fall", name="occlusion_drop", label="Occlusion drop", percent=True, signed=True, bounds=(-1, 1)),
        mean("area", name="occlusion_area", label="Occluded area", percent=True, higher_is_better=None, bounds=SHARE),
        mean(
            "right",
            name="occlusion_top1",
            label="Top-1 occluded",
            percent=True,
            higher_is_better=False,
            proportion=True,
        ),
    )

    def measure_batch(self, items: Sequence[MetricInput]) -> list[Columns]:
        """Columns fall (y - o, in [-1, 1]), after (o), area (in [0, 1]) and right (1 if the label is still first).

        Equal maps of one image are measured once.
        """

        def changed(group: SizeGroup) -> Callable[[slice], Tensor]:
            def hidden(part: slice) -> Tensor:
                where = group.stack(lambda item: np.asarray(item.map01 >= self.tau), part)
                return group.images[group.image[part]].masked_fill(where[:, None], 0.0)

            return hidden

        after = once_each(
            items, lambda item: ("occluded", self.tau, digest(item.map01)), lambda some: outputs(some, changed)
        )
        return [self._columns(item, left) for item, left in zip(items, after, strict=True)]

    def _columns(self, item: MetricInput, after: NDArray[np.float64]) -> Columns:
        of_class = item.class_of(self.of_class)
        return {
            "fall": float(item.probabilities[of_class] - after[of_class]),
            "after": float(after[of_class]),
            "area": float((item.map01 >= self.tau).mean()),
            "right": int(np.argmax(after) == item.target),
        }

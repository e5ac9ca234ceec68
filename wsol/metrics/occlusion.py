"""Occlusion: hide what the map marks and see what is left of the class.

The LayerCAM paper (Jiang et al., 2021) judges maps by occluding the image where they are high; its exact settings were
not at hand. Our reading: pixels with map01 >= tau become the mean colour, and the probability of the class falls the
more, the more of its evidence was there. A larger region tends to hide more, so the area is written beside the drop.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from wsol.errors import ConfigError
from wsol.metrics.base import Case, Columns, mean, metric


@metric(
    "occlusion",
    paper="Jiang et al., LayerCAM, TIP 2021 (our reading)",
    year=2021,
    needs=("model",),
    about="Fall of the class probability when the pixels above a level of the map are hidden.",
    cost="1F",
)
class Occlusion:
    """Image occlusion: probability lost when {map01 >= tau} is filled with the mean colour.

    Attributes
    ----------
    tau : level of the min-max map.
    of_class : the label's (``target``) or the predicted one (``top1``).
    """

    tau: float = 0.5
    of_class: Literal["target", "top1"] = "target"

    scores = (
        mean("fall", name="occlusion_drop", label="Occlusion drop", percent=True, signed=True),
        mean("area", name="occlusion_area", label="Occluded area", percent=True, higher_is_better=None),
        mean(
            "right",
            name="occlusion_top1",
            label="Top-1 occluded",
            percent=True,
            higher_is_better=False,
            proportion=True,
        ),
    )

    def __post_init__(self) -> None:
        if not 0 < self.tau <= 1:
            raise ConfigError(f"tau={self.tau} is no level of a map in [0, 1]; give a number above 0 and at most 1")

    def measure(self, case: Case) -> Columns:
        """Columns fall (y - o, in [-1, 1]), after (o), area (in [0, 1]) and right (1 if the label is still first)."""
        of_class = case.class_of(self.of_class)
        hidden = np.asarray(case.map01 >= self.tau)
        where = torch.as_tensor(hidden, device=case.image.device)
        left = case.image.masked_fill(where, 0.0)
        after = case.query.probabilities(left[None])[0].double().cpu().numpy()
        return {
            "fall": float(case.probabilities[of_class] - after[of_class]),
            "after": float(after[of_class]),
            "area": float(hidden.mean()),
            "right": int(np.argmax(after) == case.target),
        }

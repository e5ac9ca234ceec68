"""The energy-based pointing game: how much of the map is on the object?"""

import numpy as np
from numpy.typing import NDArray

from wsol.metrics._base import Columns, Floats, MetricInput, metric
from wsol.metrics._common.truth import IGNORE, OBJECT, Against, truth_of
from wsol.metrics._scores import SHARE, mean
from wsol.options import option


def energy_share(map01: Floats, objects: NDArray[np.bool_], known: NDArray[np.bool_]) -> float | None:
    """Share of the map's sum over `known` pixels that is on the object; an empty map counts as a uniform one.

    None without object pixels.
    """
    if not objects.any():
        return None
    total = float(map01[known].sum())
    return float(map01[objects].sum()) / total if total > 0 else float(objects.sum() / known.sum())


@metric(
    "energy_pointing",
    paper="Wang et al., Score-CAM, CVPR Workshops 2020",
    year=2020,
    needs=("truth",),
    about="Share of the min-max map's sum that falls on the object.",
)
class EnergyPointingGame:
    """The energy-based pointing game: sum of the map inside the object over the sum of the map.

    The map is the min-max one, so that negative values can't cancel. Ignored pixels count on neither side.
    """

    against: Against = option("boxes", help="boxes as in the paper, the mask, or the mask where there is one (auto)")

    scores = (mean("energy", name="energy_pointing_game", label="Energy", percent=True, bounds=SHARE),)

    def measure(self, item: MetricInput) -> Columns:
        """Column energy, in [0, 1], None without object pixels."""
        truth = truth_of(item, self.against)
        return {"energy": energy_share(item.map01, truth == OBJECT, truth != IGNORE)}

"""The pointing game: is the map's peak on the object?"""

import cv2
import numpy as np
from numpy.typing import NDArray

from wsol.metrics._base import Columns, Floats, MetricInput, metric
from wsol.metrics._common.truth import OBJECT, Against, truth_of
from wsol.metrics._scores import mean
from wsol.options import NotNegative, option

TOLERANCE = 15.0  # pixels; Zhang et al., 2018, on images with a short side of 224; less than that, as in TorchRay
FRAME = 224


def pointing_share(saliency: Floats, objects: NDArray[np.bool_], *, tolerance: float) -> float | None:
    """Share of the map's maxima on an object pixel or less than `tolerance` pixels from one: 0 or 1 without ties.

    Counting any tied maximum as a hit would let constant maps score 100 %, as in Quantus. None without object pixels.
    """
    if not objects.any():
        return None
    peaks = saliency == saliency.max()
    away = cv2.distanceTransform((~objects).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Squared distances between pixels are whole numbers; float32 roots are not.
    near = objects | (np.rint(np.asarray(away, np.float64) ** 2) < tolerance**2)
    return float(near[peaks].mean())


@metric(
    "pointing",
    paper="Zhang et al., Excitation Backprop, IJCV 2018; tolerance as in TorchRay",
    year=2018,
    needs=("truth",),
    about="Is the maximum of the map on the object, or less than 15 pixels from it? Ties score the share inside.",
)
class PointingGame:
    """The pointing game: a hit where the object is inside an open circle about the map's maximum.

    The published number is the mean of per-class means in data sets with several classes per image; ours is the mean
    over images, and a run's tables can be sliced by class.
    """

    tolerance: NotNegative = option(
        TOLERANCE,
        help="a maximum this far from the object misses it; in pixels of a frame with a short side of 224, scaled with "
        "the network input",
    )
    against: Against = option(
        "auto", help="the mask, the boxes, or the mask where there is one (auto); ignored pixels are not object"
    )

    scores = (mean("hit", name="pointing_game", label="Pointing", percent=True, proportion=True),)

    def measure(self, item: MetricInput) -> Columns:
        """Columns hit (in [0, 1], None without object pixels) and ties, the number of maxima."""
        objects = truth_of(item, self.against) == OBJECT
        scaled = self.tolerance * min(item.map.shape) / FRAME
        return {
            "hit": pointing_share(item.map, objects, tolerance=scaled),
            "ties": int((item.map == item.map.max()).sum()),
        }

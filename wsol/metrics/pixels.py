"""Maps against the object pixel by pixel: AUC, false and true positives, divergence, IoU at the mean."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsol.metrics._base import Columns, Floats, MetricInput, metric
from wsol.metrics._common.truth import BACKGROUND, OBJECT, Against, truth_of
from wsol.metrics._scores import SHARE, Score, mean
from wsol.options import Positive, PositiveShare, option

EPS = 1e-7  # our choice; no paper fixes the divergence's


def pixel_auc(on_object: Floats, on_background: Floats) -> float | None:
    """Chance that an object pixel scores higher than a background pixel, ties counting half; None if one is empty."""
    if not len(on_object) or not len(on_background):
        return None
    background = np.sort(on_background)
    below = np.searchsorted(background, on_object, side="left")
    up_to = np.searchsorted(background, on_object, side="right")
    return float((below + up_to).sum() / (2 * len(on_object) * len(on_background)))


def divergence(
    map01: Floats, objects: NDArray[np.bool_], *, direction: Literal["mask_map", "map_mask"], eps: float = EPS
) -> float | None:
    """KL divergence in nats between two arrays of pixels, each divided by its sum.

    Parameters
    ----------
    direction : ``mask_map`` is sum p log(p / (q + eps)) with p the mask and q the map; ``map_mask`` exchanges them.

    Returns None where the map or the mask is empty: it is not defined there.
    """
    if map01.sum() <= 0 or not objects.any():
        return None
    mask, shown = objects / objects.sum(), map01 / map01.sum()
    p, q = (mask, shown) if direction == "mask_map" else (shown, mask)
    some = p > 0
    return float((p[some] * np.log(p[some] / (q[some] + eps))).sum())


def confusion(claimed: NDArray[np.bool_], objects: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives of two arrays of pixels."""
    tp = int((claimed & objects).sum())
    fp, fn = int(claimed.sum()) - tp, int(objects.sum()) - tp
    return tp, fp, fn, claimed.size - tp - fp - fn


@metric(
    "pixels",
    paper="pixel AUC, FPR, TPR: common; KL: Bylinskii et al., 2019; mIoU at the mean: Chefer et al., CVPR 2021",
    year=2021,
    needs=("truth",),
    about="Pixel AUC per image, FPR and TPR at a level, KL divergence, IoU above the map's mean.",
)
class Pixels:
    """The map as a classifier of pixels, and as a density; ignored pixels are left out.

    Pixel AUC, FPR and TPR are means over images. Mean IoU takes the pixels above the map's own mean: `iou` is the mean
    of the object's IoU over images, `miou` the mean of object and background IoU with the pixels of all images in one
    pool, as transformer papers report it.
    """

    tau: PositiveShare = option(0.5, help="level of FPR and TPR: pixels at or above it are claimed")
    direction: Literal["mask_map", "map_mask"] = option(
        "mask_map", help="KL divergence of the map from the mask, or of the mask from the map"
    )
    eps: Positive = option(EPS, help="added to the divergence's denominator")
    against: Against = option("auto", help="the mask, the boxes, or the mask where there is one (auto)")

    @property
    def scores(self) -> tuple[Score, ...]:
        at = f"@{self.tau:g}"
        return (
            mean("auc", name="pixel_auc", label="Pixel AUC", bounds=SHARE),
            mean("tpr", label=f"TPR{at}", percent=True, bounds=SHARE),
            mean("fpr", label=f"FPR{at}", percent=True, higher_is_better=False, bounds=SHARE),
            mean("kl", label="KL", higher_is_better=False),
            mean("iou", label="IoU at mean", percent=True, bounds=SHARE),
            Score(
                name="miou",
                label="mIoU at mean",
                reduction="two_class_iou",
                columns=("tp", "fp", "fn", "tn"),
                percent=True,
                bounds=SHARE,
            ),
        )

    def measure(self, item: MetricInput) -> Columns:
        """Columns auc, tpr, fpr, kl, iou (None where undefined) and the counts tp, fp, fn, tn above the mean."""
        truth = truth_of(item, self.against)
        known = (truth == OBJECT) | (truth == BACKGROUND)
        objects, map01 = truth[known] == OBJECT, np.asarray(item.map01, np.float64)[known]
        tp, fp, fn, tn = confusion(map01 >= self.tau, objects)
        columns: Columns = {
            "auc": pixel_auc(map01[objects], map01[~objects]),
            "tpr": tp / (tp + fn) if tp + fn else None,
            "fpr": fp / (fp + tn) if fp + tn else None,
            "kl": divergence(map01, objects, direction=self.direction, eps=self.eps),
        }
        # The mean is the whole map's: what is ignored in scoring still belongs to what the method drew.
        tp, fp, fn, tn = confusion(map01 > np.mean(item.map01, dtype=np.float64), objects)
        return columns | {"iou": tp / (tp + fn + fp) if tp + fn else None, "tp": tp, "fp": fp, "fn": fn, "tn": tn}

    def failed(self, item: MetricInput) -> Columns:
        """Columns of the worst map: all of the background and nothing of the object; the divergence has no worst."""
        truth = truth_of(item, self.against)
        objects, background = int((truth == OBJECT).sum()), int((truth == BACKGROUND).sum())
        return {
            "auc": 0.0 if objects and background else None,
            "tpr": 0.0 if objects else None,
            "fpr": 1.0 if background else None,
            "kl": None,
            "iou": 0.0 if objects else None,
            "tp": 0,
            "fp": background,
            "fn": objects,
            "tn": 0,
        }

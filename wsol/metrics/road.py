"""ROAD (Rong et al., ICML 2022): remove the most or the least relevant pixels, and impute them from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from wsol.errors import ConfigError
from wsol.metrics.base import Case, Columns, mean, metric
from wsol.metrics.curves import pixel_order
from wsol.metrics.imputation import impute_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def removals(
    order: NDArray[np.integer[Any]], percentiles: Sequence[float], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """(P, h, w): the first p per cent of the pixels of an order, at least one pixel kept."""
    pixels = shape[0] * shape[1]
    masks = np.zeros((len(percentiles), pixels), dtype=bool)
    for mask, percent in zip(masks, percentiles, strict=True):
        mask[order[: min(round(pixels * percent / 100), pixels - 1)]] = True
    return masks.reshape(len(percentiles), *shape)


@metric(
    "road",
    paper="Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022",
    year=2022,
    needs=("model",),
    about="Class probability after noisy linear imputation of the most, and of the least, relevant pixels.",
    cost="18F, and 18 linear solves",
)
class Road:
    """ROAD: probability kept when the most relevant pixels go first (MoRF) and when the least relevant do (LeRF).

    Removed pixels are the weighted mean of their neighbours plus noise, which hides the removal's outline from the
    network. `road` = (LeRF - MoRF) / 2, each the mean over percentiles: high where what the map marks matters and what
    it leaves out doesn't. Equal pixels are removed in raster order.

    Attributes
    ----------
    percentiles : shares of pixels removed, in per cent.
    noise : standard deviation of the noise in units of the normalised input; drawn from (run seed, image id).
    of_class : the label's (``target``) or the predicted one (``top1``).
    """

    percentiles: tuple[float, ...] = (10, 20, 30, 40, 50, 60, 70, 80, 90)
    noise: float = 0.01  # the authors' default
    of_class: Literal["target", "top1"] = "target"

    scores = (
        mean("road", label="ROAD"),
        mean("morf", name="road_morf", label="MoRF", higher_is_better=False),
        mean("lerf", name="road_lerf", label="LeRF"),
        mean("morf_right", name="road_morf_top1", label="MoRF Top-1", percent=True, higher_is_better=False),
        mean("lerf_right", name="road_lerf_top1", label="LeRF Top-1", percent=True),
    )

    def __post_init__(self) -> None:
        wrong = [p for p in self.percentiles if not 0 < p < 100]
        if wrong or not self.percentiles:
            raise ConfigError(f"percentiles={list(self.percentiles)} must be between 0 and 100, both left out")
        if self.noise < 0:
            raise ConfigError(f"noise={self.noise} is no deviation; give 0 or more")

    def measure(self, case: Case) -> Columns:
        """Columns road, morf, lerf, morf_right, lerf_right, and the curves morf_curve and lerf_curve by percentile."""
        of_class = case.class_of(self.of_class)
        most = pixel_order(case.map, ties="raster")
        least = pixel_order(-case.map, ties="raster")
        shape = (case.map.shape[0], case.map.shape[1])
        masks = np.concatenate([removals(order, self.percentiles, shape) for order in (most, least)])
        removed = torch.as_tensor(masks, device=case.image.device)
        noise = torch.as_tensor(case.rng("road").normal(0, self.noise, case.image.shape), dtype=case.image.dtype)
        images = impute_linear(case.image, removed)
        images = images + noise.to(case.image.device) * removed[:, None]
        found = case.query.probabilities(images).double().cpu().numpy()
        morf, lerf = np.split(found[:, of_class], 2)
        morf_right, lerf_right = np.split(found.argmax(1) == case.target, 2)
        return {
            "road": float((lerf.mean() - morf.mean()) / 2),
            "morf": float(morf.mean()),
            "lerf": float(lerf.mean()),
            "morf_right": float(morf_right.mean()),
            "lerf_right": float(lerf_right.mean()),
            "morf_curve": morf.tolist(),
            "lerf_curve": lerf.tolist(),
        }

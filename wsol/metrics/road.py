"""ROAD (Rong et al., ICML 2022): remove the most or the least relevant pixels, and impute them from the rest."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol.errors import ConfigError
from wsol.metrics._base import OF_CLASS, BatchMetric, Columns, MetricInput, OfClass, digest, metric, once_each
from wsol.metrics._common.curves import map_ranks
from wsol.metrics._common.groups import by_size
from wsol.metrics._common.imputation import impute_linear
from wsol.metrics._scores import SHARE, mean
from wsol.models.scores import class_probabilities
from wsol.options import NotNegative, Range, option


def removals(ranks: Tensor, percentiles: Sequence[float]) -> Tensor:
    """(P, h, w): the first p per cent of the pixels by their ranks (h, w) from 0, at least one pixel kept."""
    pixels = ranks.numel()
    counts = [min(round(pixels * percent / 100), pixels - 1) for percent in percentiles]
    return ranks < torch.tensor(counts, device=ranks.device)[:, None, None]


@metric(
    "road",
    paper="Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022",
    year=2022,
    needs=("model",),
    about="Class probability after noisy linear imputation of the most, and of the least, relevant pixels.",
    cost="18F, and 18 linear solves",
)
class Road(BatchMetric):
    """ROAD: probability kept when the most relevant pixels go first (MoRF) and when the least relevant do (LeRF).

    Removed pixels are the weighted mean of their neighbors plus noise, which hides the removal's outline from the
    network. `road` = (LeRF - MoRF) / 2, each the mean over percentiles: high where what the map marks matters and what
    it leaves out doesn't. Equal pixels are removed in raster order.
    """

    percentiles: tuple[Annotated[float, Range(0, 100, above=True, below=True)], ...] = option(
        (10, 20, 30, 40, 50, 60, 70, 80, 90), help="shares of pixels removed, in per cent"
    )
    noise: NotNegative = option(
        0.01, help="standard deviation of the noise in units of the normalized input; the authors' default"
    )
    of_class: OfClass = option("target", help=OF_CLASS)

    scores = (
        mean("road", label="ROAD", bounds=(-0.5, 0.5)),
        mean("morf", name="road_morf", label="MoRF", higher_is_better=False, bounds=SHARE),
        mean("lerf", name="road_lerf", label="LeRF", bounds=SHARE),
        mean(
            "morf_right", name="road_morf_top1", label="MoRF Top-1", percent=True, higher_is_better=False, bounds=SHARE
        ),
        mean("lerf_right", name="road_lerf_top1", label="LeRF Top-1", percent=True, bounds=SHARE),
    )

    def __post_init__(self) -> None:
        if not self.percentiles:
            raise ConfigError("road.percentiles is empty; give at least one, for example [10,50,90]")

    def measure_batch(self, items: Sequence[MetricInput]) -> list[Columns]:
        """Columns road, morf, lerf, morf_right, lerf_right, and the curves morf_curve and lerf_curve by percentile.

        Equal maps of one image are measured once.
        """
        return [dict(columns) for columns in once_each(items, lambda item: (self, digest(item.map)), self._measured)]

    def _measured(self, items: Sequence[MetricInput]) -> list[Columns]:
        by_place: dict[int, Columns] = {}
        for group in by_size(items):
            ranks = [map_ranks(group, ranked, ties="raster") for ranked in (lambda c: c.map, lambda c: -c.map)]
            blocks = (self._removed(item, most, least) for item, most, least in zip(group.items, *ranks, strict=True))
            device, each = group.images.device, 2 * len(self.percentiles)
            classes = torch.tensor([[c.class_of(self.of_class), c.target] for c in group.items], device=device)
            classes = classes.repeat_interleave(each, dim=0)
            scores = torch.empty(classes.shape, dtype=torch.float64, device=device)  # probability, and hit
            for part, logits in group.query.stream(blocks):
                probabilities = class_probabilities(logits)
                scores[part, 0] = probabilities.gather(1, classes[part, :1])[:, 0].double()
                scores[part, 1] = (probabilities.argmax(1) == classes[part, 1]).double()
            for place, both in zip(group.places, scores.view(-1, 2, each // 2, 2).cpu().numpy(), strict=True):
                by_place[place] = self._columns(*both)
        return [by_place[place] for place in range(len(items))]

    def _removed(self, item: MetricInput, most: Tensor, least: Tensor) -> Tensor:
        """(2 P, 3, h, w): the most relevant pixels removed, then the least."""
        removed = torch.cat([removals(ranks, self.percentiles) for ranks in (most, least)])
        return impute_linear(item.image, removed) + self._noise(item) * removed[:, None]

    def _noise(self, item: MetricInput) -> Tensor:
        def drawn() -> Tensor:
            noise = torch.as_tensor(item.rng("road").normal(0, self.noise, item.image.shape), dtype=item.image.dtype)
            return noise.to(item.image.device)

        return item.once(("road noise", self.noise), drawn)

    @staticmethod
    def _columns(morf: NDArray[np.float64], lerf: NDArray[np.float64]) -> Columns:
        """From probability and hit (P, 2) by percentile."""
        curves, right = (morf[:, 0], lerf[:, 0]), (morf[:, 1], lerf[:, 1])
        return {
            "road": float((curves[1].mean() - curves[0].mean()) / 2),
            "morf": float(curves[0].mean()),
            "lerf": float(curves[1].mean()),
            "morf_right": float(right[0].mean()),
            "lerf_right": float(right[1].mean()),
            "morf_curve": curves[0].tolist(),
            "lerf_curve": curves[1].tolist(),
        }

"""MaxBoxAcc and its relatives as a running metric: update, compute, reset, merge. No torch inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from wsol.api.arguments import as_labels, as_logits, as_predictions, as_protocol
from wsol.api.boxes import image_maps
from wsol.datasets.ranks import classification
from wsol.errors import ConfigError
from wsol.evaluation.records import protocol_info, protocol_quantities
from wsol.evaluation.rows import box_columns
from wsol.localization.localize import localize
from wsol.localization.records import Localizations
from wsol.protocols._base import Protocol
from wsol.report.numbers.localization import ROW, localization
from wsol.report.numbers.rows import boxes_of
from wsol.report.numbers.settings import Settings
from wsol.report.numbers.subject import Subject

if TYPE_CHECKING:
    from PIL.Image import Image

    from wsol.report.numbers.localization import Counts, Taus
    from wsol.report.numbers.quantity import Cell
    from wsol.views import View


class MaxBoxAcc:
    """Localization accuracy of maps that come batch by batch, by the tables' own arithmetic.

    >>> metric = MaxBoxAcc("choe2020_v2")
    >>> metric.update(np.eye(4)[None], [[[0, 0, 64, 64]]], [(64, 64)])
    >>> round(metric.compute()["maxboxacc_v2"], 1)
    100.0

    Parameters
    ----------
    protocol : a name (``wsol list protocols``) or a record.
    view : what part of the image a map covers; by default that of the maps, or the whole image.
    """

    def __init__(self, protocol: str | Protocol = "choe2020_v2", *, view: str | View | None = None) -> None:
        self.protocol = as_protocol(protocol)
        self.view = view
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self._parts: list[Localizations] = []
        self._classes: list[dict[str, Any]] = []
        self._labels: list[int] = []

    def update(
        self,
        maps: Any,
        boxes: Sequence[ArrayLike],
        sizes_wh: Sequence[tuple[int, int]] | None = None,
        *,
        labels: Sequence[int] | None = None,
        logits: ArrayLike | None = None,
        predictions: ArrayLike | None = None,
        images: Sequence[Image] | None = None,
    ) -> None:
        """Add the raw maps (n, h, w) of some images.

        Parameters
        ----------
        boxes : per image, ground truth (g, 4) in pixels of the stored image.
        sizes_wh : width and height of the stored images; known where maps were made from PIL images.
        labels : (n,) class indices; alone, for protocols that average over classes.
        logits : (n, C), for Top-1 and Top-5 Loc; with `labels`.
        predictions : instead, (n,) predicted classes, for Top-1 Loc alone, or (n, k) the k first ones, best first.

        Raises
        ------
        ConfigError : another number of images, or logits for some batches and not for others.
        MapError, DataError : as `wsol.localize`.
        """
        if boxes is None:
            raise ConfigError("boxes=None: MaxBoxAcc compares with ground truth; give (g, 4) boxes per image")
        items = image_maps(maps, sizes_wh, boxes=boxes, view=self.view, images=images)
        if logits is not None and predictions is not None:
            raise ConfigError("logits and predictions are two ways to say the same; give one of them")
        kind = "logits" if logits is not None else "predictions" if predictions is not None else ""
        if kind and labels is None:
            raise ConfigError(f"{kind} need labels: give both, or neither")
        if self._parts and self._kind != kind:
            raise ConfigError(
                f"{kind or self._kind} were given for some batches and not for others; give them for all, or for none"
            )
        if labels is None and self.protocol.average == "classes":
            raise ConfigError(f"protocol {self.protocol.name} averages over classes: give labels")
        if not items:
            return
        classes = [0] * len(items) if labels is None else as_labels(labels, len(items))
        if logits is not None:
            rows = as_logits(logits, classes)
            self._classes += [classification(row, label) for row, label in zip(rows, classes, strict=True)]
        if predictions is not None:
            self._classes += as_predictions(predictions, classes)
        self._labels += classes
        self._parts.append(localize(items, [self.protocol])[self.protocol.name])

    def merge(self, other: MaxBoxAcc) -> None:
        """Add the images of another one, for example of another rank. Raises ConfigError for another protocol."""
        if other.protocol != self.protocol:
            raise ConfigError(f"{other.protocol.name} and {self.protocol.name} are two protocols; merge within one")
        if self._parts and other._parts and self._kind != other._kind:
            kind = self._kind or other._kind
            raise ConfigError(f"{kind} were given on one side and not on the other; give them on both, or on neither")
        self._parts += other._parts
        self._classes += other._classes
        self._labels += other._labels

    @property
    def _kind(self) -> str:
        """What the classes of the images so far were known by."""
        return ("logits" if "probability" in self._classes[0] else "predictions") if self._classes else ""

    def __repr__(self) -> str:
        return f"MaxBoxAcc({len(self)} images under {self.protocol.name})"

    def __len__(self) -> int:
        return len(self._labels)

    def compute(self) -> dict[str, float]:
        """By quantity, for example ``maxboxacc_v2``, ``maxboxacc@50``, ``gt_known_loc`` in percent, and ``best_tau``.

        Raises ConfigError where there are no images yet.
        """
        return {cell.quantity.key: cell.value for cell in self.cells(n_resamples=1)}

    def interval(self, *, n_resamples: int = 1000) -> dict[str, tuple[float, float]]:
        """By quantity, the 95 % interval over images; the best threshold is chosen again in each resample."""
        return {cell.quantity.key: (cell.low, cell.high) for cell in self.cells(n_resamples=n_resamples)}

    def cells(self, *, n_resamples: int = 1000) -> list[Cell]:
        """The cells of the table that `wsol table` would print for these images."""
        if not self._parts:
            raise ConfigError("there are no images yet; call update first")
        columns: dict[str, Any] = {
            "image_id": pa.array([f"{n:09d}" for n in range(len(self))]),
            "label": pa.array(self._labels, pa.int64()),
            ROW: pa.array(range(len(self))),
            **box_columns(self.protocol.name, Localizations.joined(self._parts)),
        }
        for name in self._classes[0] if self._classes else ():
            columns[name] = pa.array([row[name] for row in self._classes])
        rows = pa.table(columns)
        subject = Subject(
            variant="maps",
            protocol=protocol_info(self.protocol),
            quantities=protocol_quantities(self.protocol),
            rows=rows,
            validation=None,
            slices={"": np.ones(len(rows), bool)},
        )

        def boxes(taus: Taus) -> Counts:
            counted = f"{self.protocol.name}/count" in rows.column_names
            known = {name: np.full(len(rows), tau) for name, tau in taus.items() if tau is not None and counted}
            return {name: boxes_of(rows, self.protocol.name, tau) for name, tau in known.items()}

        return localization([subject], Settings(n_resamples=n_resamples), boxes)

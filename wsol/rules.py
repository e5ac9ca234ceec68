"""How one score map from a file is scored: by a protocol's boxes, or by a metric against masks. Never imports torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from wsol.boxes.resize import normalise, resize
from wsol.errors import ConfigError
from wsol.localise import final_map, locate, place
from wsol.metrics.base import Case
from wsol.refine import frame_image, refines
from wsol.rows import located_columns
from wsol.runs.records import CLASSIFICATION, metric_info, metric_quantities, protocol_info, protocol_quantities
from wsol.runs.schema import About, RunInfo, VariantInfo
from wsol.views import View, boxes_on_canvas, mask_on_canvas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

    from wsol.datasets.base import Dataset, Sample
    from wsol.experiment import ChosenMetric
    from wsol.mapfiles import Map
    from wsol.protocols.base import Protocol as BoxProtocol
    from wsol.views import Layout, ViewName

Row = dict[str, Any]

CROPPED = ("centre", "squash_centre")  # views whose maps cover a part of the image


class Rule(Protocol):
    """How one map is scored: by a protocol, or by a metric."""

    @property
    def name(self) -> str:
        """What its columns and tables are called by."""

    @property
    def view(self) -> ViewName:
        """What maps cover, for cropped views a part of the image."""

    def layout(self, sample: Sample) -> Layout:
        """What part of the image its map covers."""

    def frame_wh(self, sample: Sample) -> tuple[int, int]:
        """The size at which the map is scored, and at which scores are taken as they are."""

    def columns(self, sample: Sample, values: Map, *, raw: bool, image: Image | None, right: bool) -> Row:
        """The columns of one image.

        Parameters
        ----------
        raw : normalise the map; else its values are scores in [0, 1].
        image : the pixels, where there are any; graph cuts need them.
        right : the network's first class is the label's.
        """

    def about(self, run: RunInfo, variants: Mapping[str, VariantInfo], *, raw: bool) -> About:
        """What the rows' footer says: itself and its numbers, beside `run` and `variants`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRule:
    """A protocol. `shallow` says that the maps are of shallow layers, which some protocols refine."""

    protocol: BoxProtocol
    view: ViewName
    shallow: bool = False

    @property
    def name(self) -> str:
        return self.protocol.name

    def layout(self, sample: Sample) -> Layout:
        return View(self.view, self.protocol.side).layout(sample.size_wh)

    def frame_wh(self, sample: Sample) -> tuple[int, int]:
        side = self.protocol.side
        return sample.size_wh if self.protocol.space == "original" else (side, side)

    def columns(self, sample: Sample, values: Map, *, raw: bool, image: Image | None, right: bool) -> Row:
        protocol = self.applied(raw)
        layout = self.layout(sample)
        where = place(sample.boxes_xyxy, layout, sample.size_wh, protocol)
        pixels = None
        if image is not None and refines(protocol, shallow=self.shallow):
            pixels = frame_image(image, layout, where.size_wh, protocol)
        final = final_map(values, layout, where.size_wh, protocol)
        found = locate(final, where.gt_boxes, protocol, image_rgb=pixels, shallow=self.shallow)
        return located_columns(found, protocol)

    def about(self, run: RunInfo, variants: Mapping[str, VariantInfo], *, raw: bool) -> About:
        applied = self.applied(raw)
        quantities = (*protocol_quantities(applied), *CLASSIFICATION)
        protocols = {self.name: protocol_info(applied)}
        return About(run=run, variants=variants, protocols=protocols, metrics={}, quantities=quantities)

    def applied(self, raw: bool) -> BoxProtocol:
        """The protocol under its own name, but without normalisation where maps are scores already."""
        return self.protocol if raw else dataclasses.replace(self.protocol, normalise="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelRule:
    """A metric that looks at nothing but the map and the truth, at `side` pixels (Choe et al., 2020: 224).

    Masks are the data set's.
    """

    chosen: ChosenMetric
    dataset: Dataset
    view: ViewName = "squash"
    side: int = 224

    @property
    def name(self) -> str:
        return self.chosen.name

    def layout(self, sample: Sample) -> Layout:
        return View(self.view, self.side).layout(sample.size_wh)

    def frame_wh(self, sample: Sample) -> tuple[int, int]:
        return (self.side, self.side)

    def columns(self, sample: Sample, values: Map, *, raw: bool, image: Image | None, right: bool) -> Row:
        frame, layout = self.frame_wh(sample), self.layout(sample)
        resized = resize(values, frame, rule="bilinear")  # as in a run; PxAP resizes raw maps itself
        mask = self.dataset.mask(sample)
        case = Case(
            image=None,  # type: ignore[arg-type]  # such metrics don't look at it
            map=resized,
            map01=normalise(resized, rule="minmax") if raw else np.clip(resized, 0, 1),
            target=sample.label,
            probabilities=np.eye(sample.label + 2)[sample.label + (not right)],
            query=None,  # type: ignore[arg-type]
            boxes=boxes_on_canvas(sample.boxes_xyxy, layout, frame),
            mask=None if mask is None else mask_on_canvas(mask, layout, frame),
            remap=_no_model,
            image_id=sample.image_id,
            seed=0,
            raw=values if raw else None,
        )
        return {f"{self.name}/{column}": value for column, value in self.chosen.metric.measure(case).items()}

    def about(self, run: RunInfo, variants: Mapping[str, VariantInfo], *, raw: bool) -> About:
        metric = self.chosen.metric
        quantities = (*metric_quantities(self.name, metric), *CLASSIFICATION)
        metrics = {self.name: metric_info(self.name, metric)}
        return About(run=run, variants=variants, protocols={}, metrics=metrics, quantities=quantities)


def _no_model(image: Any) -> Any:
    raise ConfigError("there is no network behind maps from files")

"""Maps that somebody else made, to rows: the same rows that a run writes. Never imports torch.

What a map is decides what is done with it (`wsol score --help` says it for users). Scores that the published evaluators
take are in [0, 1] at the network input's size, and are cut as they are; anything else is a raw map, which the protocol
resizes and normalises. One decision holds for a whole set of maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wsol.errors import MapError
from wsol.rows import FINE
from wsol.rules import CROPPED
from wsol.runs.schema import RunInfo, VariantInfo
from wsol.store import content_hash, shards

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wsol.datasets.base import Dataset, Sample
    from wsol.maps.files import Map, MapFiles
    from wsol.predictions import Predictions
    from wsol.rules import Row, Rule
    from wsol.runs.schema import About
    from wsol.store import RunFolder

Normalise = Literal["auto", "always", "never"]

LOOKED_AT = 64  # maps that --normalise auto decides by: the first ones, by image id
LOWEST_PEAK = 0.5  # of scores; raw maps of small values are within [0, 1], too, and would be cut to nothing
SHARD = 500  # images a file of rows
ROWS_VERSION = 3  # raise it when the same maps give other rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """One set of maps under one rule.

    Attributes
    ----------
    label : what tables call these maps.
    names : by image id, the map's name in `maps`.
    raw : normalise maps; else they are scores in [0, 1] already.
    settled : raw was decided by looking, so every map must look like the first ones.
    with_images : open each image, too: its size is checked, and graph cuts have their pixels.
    """

    label: str
    rule: Rule
    dataset: Dataset
    samples: Mapping[str, Sample]
    maps: MapFiles
    names: Mapping[str, str]
    raw: bool
    settled: bool
    predictions: Predictions | None = None
    with_images: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the rows, next to the rule."""
        return {
            "dataset": getattr(self.dataset, "key", ""),
            "dataset_fingerprint": self.dataset.fingerprint(),
            "model": self.label,
            "weights": f"maps {self.maps.fingerprint}",
            "view": [self.rule.view, "", []],
            "seed": 0,
            "maps": "raw" if self.raw else "as they are",
            "predictions": self.predictions.fingerprint if self.predictions else "",
            "rows_version": ROWS_VERSION,
        }

    @property
    def folder_name(self) -> str:
        return f"score-{self.label}-{content_hash(self.identity)}"

    def manifest(self, versions: Mapping[str, str]) -> dict[str, Any]:
        """What run.json says."""
        about = self.about()
        return {
            "identity": self.identity,
            "images": len(self.samples),
            "shards": len(shards(list(self.samples), SHARD)),
            "class_names": list(self.dataset.class_names),
            "asked": {part: list(getattr(about, part)) for part in ("variants", "protocols", "metrics")},
            "versions": dict(versions),
        }

    def about(self) -> About:
        """What the rows' footer says."""
        run = RunInfo(
            dataset=self.identity["dataset"],
            split=getattr(self.dataset, "split", ""),
            network=self.label,
            weights=self.identity["weights"],
            view=self.rule.view,
            source="stored",
        )
        variant = VariantInfo(key=self.label, id=self.label, method=self.label, name=self.label, cost="-")
        return self.rule.about(run, {self.label: variant}, raw=self.raw)

    def row(self, image_id: str) -> Row:
        """One image's row. Raises MapError for a map that can't be what it is taken for."""
        sample = self.samples[image_id]
        values = self.maps.load(self.names[image_id], image_id=image_id)
        check_shape(values, sample, self.rule)
        if not self.raw:
            self._check_scores(values, sample)
        row = {
            "image_id": image_id,
            "variant": self.label,
            "label": sample.label,
            "width": sample.size_wh[0],
            "height": sample.size_wh[1],
            "gt_boxes": [float(c) for c in np.asarray(sample.boxes_xyxy).ravel()],
            **FINE,
        }
        known = self.predictions.columns(image_id) if self.predictions else {"rank": 0}
        image = self.dataset.image(sample) if self.with_images else None
        row |= known if self.predictions else {}
        return row | self.rule.columns(sample, values, raw=self.raw, image=image, right=known["rank"] == 0)

    def _check_scores(self, values: Map, sample: Sample) -> None:
        low, high, shape = values.min(), values.max(), self.rule.frame_wh(sample)[::-1]
        hint = "say --normalise always for raw maps"
        if low < 0 or high > 1:
            raise MapError(f"the map of {sample.image_id!r} spans {low:g} to {high:g}, outside [0, 1]; {hint}")
        if self.settled and values.shape != shape:
            raise MapError(
                f"the map of {sample.image_id!r} is {_by(values.shape)}, the first ones are as large as they are "
                f"scored ({_by(shape)}); {hint}"
            )


def score_maps(
    scoring: Scoring, folder: RunFolder, *, threads: int, on_images: Callable[[int], None] = lambda _: None
) -> None:
    """Write the rows that `folder` lacks, one file a shard, with `threads` maps at a time in memory."""
    work = frozenset({(scoring.label, scoring.rule.name)})
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for shard in shards(list(scoring.samples), SHARD):
            if not work - folder.done(shard):
                on_images(len(shard.image_ids))
                continue
            rows = []
            for row in pool.map(scoring.row, shard.image_ids):
                rows.append(row)
                on_images(1)
            folder.write(shard, rows, work, scoring.about())


def looks_raw(maps: MapFiles, names: Mapping[str, str], samples: Sequence[Sample], rule: Rule) -> tuple[bool, str]:
    """Whether maps need the protocol's normalisation, from the first ones by id, and the reason in words.

    They don't if all are as large as they are scored and within [0, 1], and the highest of them reaches half.
    """
    peak = 0.0
    for sample in sorted(samples, key=lambda s: s.image_id)[:LOOKED_AT]:
        values, shape = maps.load(names[sample.image_id], image_id=sample.image_id), rule.frame_wh(sample)[::-1]
        if values.shape != shape:
            return True, f"the map of {sample.image_id!r} is {_by(values.shape)}, not {_by(shape)}"
        if values.min() < 0 or values.max() > 1:
            return True, f"the map of {sample.image_id!r} spans {values.min():g} to {values.max():g}, outside [0, 1]"
        peak = max(peak, float(values.max()))
    if peak < LOWEST_PEAK:
        return True, f"the first {min(LOOKED_AT, len(samples))} maps reach {peak:g} at most"
    return False, f"the first {min(LOOKED_AT, len(samples))} are within [0, 1] at the size they are scored at"


def check_shape(values: NDArray[Any], sample: Sample, rule: Rule) -> None:
    """Raises MapError for a map that fits neither the network input nor the image.

    A square map of any size is of a square input. Another one covers the whole image if it has the image's
    proportions, to within one cell of its own grid.
    """
    high, wide = values.shape
    if high == wide:
        return
    width, height = sample.size_wh
    apart = max((wide - 1) / width, (high - 1) / height) > min((wide + 1) / width, (high + 1) / height)
    cropped = rule.view in CROPPED
    if cropped or apart:
        fits = "a centre crop" if cropped else f"the image ({height} x {width})"
        raise MapError(
            f"the map of {sample.image_id!r} is {_by(values.shape)} (height x width), which fits neither a square "
            f"network input nor {fits}"
        )


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)

"""Maps that somebody else made, as a source: the same rows that a network's maps give.

What a map is decides what is done with it (`wsol score --help` says it for users). Scores that the published evaluators
take are in [0, 1] at the network input's size, and are cut as they are; anything else is a raw map, which the protocol
resizes and normalizes. One decision holds for a whole set of maps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wsol.errors import MapError
from wsol.maps.source import Loaded, MapSource, RawMaps, load_pixels
from wsol.methods._base import MethodInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.base import Dataset, Sample
    from wsol.datasets.predictions import Predictions
    from wsol.maps.files import MapFiles
    from wsol.methods._variants import Variant
    from wsol.views import View

DECIDED_BY = 64  # maps that --normalize auto decides by: the first ones, by image id
LOWEST_PEAK = 0.5  # of scores; raw maps of small values are within [0, 1], too, and would be cut to nothing
ALWAYS = "give --normalize always for raw maps"


@dataclass(frozen=True, kw_only=True)
class StoredMaps(MapSource):
    """Maps from files, by image id.

    Attributes
    ----------
    label : what tables call these maps.
    names : by image id, the map's name in `files`.
    frame_wh : from a sample to the size at which its map is scored, and at which scores are taken as they are.
    raw : normalize maps; else they are scores in [0, 1] already.
    settled : `raw` was decided by the first maps, so every map must be like them.
    shallow : the maps are of shallow layers, which some protocols refine.
    with_images : open each image, too: its size is checked, and graph cuts have their pixels.
    """

    label: str
    dataset: Dataset
    files: MapFiles
    names: Mapping[str, str]
    frame_wh: Callable[[Sample], tuple[int, int]]
    raw: bool
    settled: bool = False
    shallow: bool = False
    with_images: bool = False
    predictions: Predictions | None = None

    @property
    def fingerprint(self) -> str:
        """What decides the rows, next to the protocol."""
        parts = [self.files.fingerprint, "raw" if self.raw else "scores", "shallow" if self.shallow else ""]
        return "-".join(part for part in [*parts, self.predictions.fingerprint if self.predictions else ""] if part)

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        """Raises MapError for a map that can't be what it is taken for."""
        values = self.files.load(self.names[sample.image_id], image_id=sample.image_id)
        check_shape(values, sample, views[0])
        if not self.raw:
            self._check_scores(values, sample)
        pixels = load_pixels(self.dataset, sample, {*needs, "image"} if self.with_images else set(needs) - {"image"})
        return replace(pixels, stored=values)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        known = self.predictions
        values = [one.stored for one in loaded if one.stored is not None]
        return RawMaps(
            view=view,
            loaded=loaded,
            layouts=[view.layout(one.sample.size_wh) for one in loaded],
            crops=lambda variant, image: [values[image]],
            shallow=frozenset(v.key for v in variants) if self.shallow else frozenset(),
            columns=[known.columns(one.sample.image_id) for one in loaded] if known else (),
        )

    def _check_scores(self, values: NDArray[Any], sample: Sample) -> None:
        low, high, shape = values.min(), values.max(), self.frame_wh(sample)[::-1]
        if low < 0 or high > 1:
            raise MapError(f"the map of {sample.image_id!r} spans {low:g} to {high:g}, outside [0, 1]; {ALWAYS}")
        if self.settled and values.shape != shape:
            raise MapError(
                f"the map of {sample.image_id!r} is {_by(values.shape)}, the first ones are as large as they are "
                f"scored ({_by(shape)}); {ALWAYS}"
            )


def looks_raw(
    files: MapFiles,
    names: Mapping[str, str],
    samples: Sequence[Sample],
    frame_wh: Callable[[Sample], tuple[int, int]],
) -> tuple[bool, str]:
    """Whether maps need the protocol's normalization, from the first ones by id, and the reason in words.

    They don't if all are as large as they are scored and within [0, 1], and the highest of them reaches half.
    """
    peak = 0.0
    for sample in sorted(samples, key=lambda s: s.image_id)[:DECIDED_BY]:
        values, shape = files.load(names[sample.image_id], image_id=sample.image_id), frame_wh(sample)[::-1]
        if values.shape != shape:
            return True, f"the map of {sample.image_id!r} is {_by(values.shape)}, not {_by(shape)}"
        if values.min() < 0 or values.max() > 1:
            return True, f"the map of {sample.image_id!r} spans {values.min():g} to {values.max():g}, outside [0, 1]"
        peak = max(peak, float(values.max()))
    if peak < LOWEST_PEAK:
        return True, f"the first {min(DECIDED_BY, len(samples))} maps reach {peak:g} at most"
    return False, f"the first {min(DECIDED_BY, len(samples))} are within [0, 1] at the size they are scored at"


def check_shape(values: NDArray[Any], sample: Sample, view: View) -> None:
    """Raises MapError for a map that fits neither the network input nor the image.

    A square map of any size is of a square input. Another one covers the whole image if it has the image's
    proportions, to within one cell of its own grid.
    """
    high, wide = values.shape
    if high == wide:
        return
    width, height = sample.size_wh
    apart = max((wide - 1) / width, (high - 1) / height) > min((wide + 1) / width, (high + 1) / height)
    cropped = view.cropped
    if cropped or apart:
        fits = "a center crop" if cropped else f"the image ({height} x {width})"
        raise MapError(
            f"the map of {sample.image_id!r} is {_by(values.shape)} (height x width), which fits neither a square "
            f"network input nor {fits}"
        )


@dataclass(frozen=True)
class StoredVariant:
    """What stands for the maps among the variants of an experiment; see `wsol.methods._variants.Variant`."""

    label: str
    layers: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    sample: None = None
    parts: tuple[StoredVariant, ...] = ()

    @property
    def id(self) -> str:
        return self.label

    @property
    def key(self) -> str:
        return self.label

    @property
    def options(self) -> Mapping[str, Any]:
        return {}

    @property
    def info(self) -> MethodInfo:
        return MethodInfo(
            key=self.label, name=self.label, paper="", year=0, needs=frozenset(), layers="input", cost="-"
        )


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)

"""What evaluation asks of a source of raw maps, whatever is behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from wsol.errors import ConfigError
from wsol.localization.records import ImageMap
from wsol.maps.crops import merge_crops
from wsol.maps.truth import truth_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from wsol.datasets.base import Dataset, Sample
    from wsol.maps.cost import VariantCost
    from wsol.maps.truth import DrawsTruth
    from wsol.methods._variants import Variant
    from wsol.models.query import ModelQuery
    from wsol.views import Layout, View

FAILED = np.full((1, 1), np.nan)  # the map of an image on which a method failed: a miss everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One image, ready for its maps: decoded and resized, or nothing but its sample where no pixel is needed.

    Attributes
    ----------
    inputs : by view, the network inputs as float32 (h, w, 3), normalized.
    class_inputs : likewise of a second network that decides the class.
    stored : the raw map, where it comes from a file.
    mask : (H, W) uint8 at stored size, where a metric needs it.
    """

    sample: Sample
    image: Image | None = None
    inputs: Mapping[View, Sequence[NDArray[np.float32]]] = field(default_factory=dict)
    class_inputs: Sequence[NDArray[np.float32]] = ()
    stored: NDArray[Any] | None = None
    mask: NDArray[np.uint8] | None = None
    image_digest: str = ""
    mask_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMaps:
    """Raw maps of n images under one view, for several variants.

    Attributes
    ----------
    layouts : what part of each image the maps cover.
    crops : from a variant and an image's place to the (h, w) maps of its crops, in the order of the placements.
    failures : by (variant key, image id), the first line of what went wrong.
    shallow : keys of variants whose layers are all shallow.
    logits : from an image's place to (C,), the mean over crops; None where there is no network.
    columns : what is known of each image's class from elsewhere: a file, or a second network.
    class_logits : of that second network, as `logits`.
    costs : by variant key, for each image what its map cost; empty where nothing was counted.
    inputs : the first network input of each image, on the network's device.
    deepest : for each image, of each crop the height of the network's deepest stage; empty where no layer is taken.
    """

    view: View
    loaded: Sequence[Loaded]
    layouts: Sequence[Layout]
    crops: Callable[[Variant, int], Sequence[NDArray[Any]]]
    failures: Mapping[tuple[str, str], str] = field(default_factory=dict)
    shallow: frozenset[str] = frozenset()
    logits: Callable[[int], NDArray[Any]] | None = None
    columns: Sequence[Mapping[str, Any]] = ()
    class_logits: Callable[[int], NDArray[Any]] | None = None
    costs: Mapping[str, Sequence[VariantCost]] = field(default_factory=dict)
    inputs: Sequence[Any] = ()
    deepest: Sequence[Sequence[int]] = ()

    def raw(self, variant: Variant, image: int) -> NDArray[Any]:
        """The raw map (h, w) of one image on its canvas; `FAILED` where the method failed; a ceiling's first one."""
        return next(self._raws(variant, image))

    def _raws(self, variant: Variant, image: int) -> Iterator[NDArray[Any]]:
        one, layout, crops = self.loaded[image], self.layouts[image], list(self.crops(variant, image))
        if (variant.key, one.sample.image_id) in self.failures:
            yield FAILED
        elif "truth" in variant.info.needs:
            grids = [(crop.shape[0], crop.shape[1]) for crop in crops]
            yield from truth_maps(cast("DrawsTruth", variant.method), one, layout, grids, merge=self.view.merge)
        else:
            yield merge_crops(crops, layout, rule=self.view.merge)

    def cut(self, images: int) -> RawMaps:
        """The same, whose costs say that no more than so many images were taken at a time."""
        return replace(self, costs={key: [cost.cut(images) for cost in spent] for key, spent in self.costs.items()})

    def image_map(self, variant: Variant, image: int) -> ImageMap:
        """One variant's map of one image, with what localization must know of both; a ceiling's first one."""
        return self._image_map(variant, image, self.raw(variant, image))

    def image_maps(self, variant: Variant, image: int) -> list[ImageMap]:
        """All maps of one image: several for a ceiling, of which the best counts, and one for every other variant."""
        return [self._image_map(variant, image, raw) for raw in self._raws(variant, image)]

    def _image_map(self, variant: Variant, image: int, raw: NDArray[Any]) -> ImageMap:
        one = self.loaded[image]
        failed = (variant.key, one.sample.image_id) in self.failures
        return ImageMap(
            raw=raw,
            layout=self.layouts[image],
            boxes_xyxy=one.sample.boxes_xyxy,
            full=variant.info.constant_is_full and not failed,
            shallow=variant.key in self.shallow,
            image=one.image,
        )


class MapSource(ABC):
    """Where raw maps come from; by default there is no network behind them.

    `load` is called from worker threads, one image at a time; `maps` from one thread, in the order of the images.
    """

    @abstractmethod
    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        """What `maps` needs of an image; `needs` adds ``image`` and ``mask`` where evaluation wants them."""

    @abstractmethod
    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        """Raw maps of all variants for a batch of images."""

    @property
    def query(self) -> ModelQuery | None:
        """The network, for metrics; None where there is none."""
        return None

    def remap(self, image: Tensor, sample: Sample, variant: Variant) -> NDArray[Any]:
        """The raw map (h, w) of another (3, h, w) network input, for a sample's label."""
        raise ConfigError("there is no network behind these maps")

    def measures_costs(self, loaded: Sequence[Loaded], variants: Sequence[Variant]) -> bool:
        """Whether `maps` would now measure time and memory, so that nothing else should run beside it."""
        return False


def load_pixels(dataset: Dataset, sample: Sample, needs: Collection[str]) -> Loaded:
    """The image and mask that `needs` names, with their digests."""
    image = dataset.image(sample) if "image" in needs else None
    mask = dataset.mask(sample) if "mask" in needs else None
    return Loaded(
        sample=sample,
        image=image,
        mask=mask,
        image_digest="" if image is None else digest(np.asarray(image)),
        mask_digest="" if mask is None else digest(mask),
    )


def digest(array: NDArray[Any]) -> str:
    """16 hex digits of an array's type, shape and values."""
    plain = np.ascontiguousarray(array)
    digest = blake2b(f"{plain.dtype.str}{plain.shape}".encode(), digest_size=8)
    digest.update(plain.view(np.uint8).reshape(-1).data)
    return digest.hexdigest()

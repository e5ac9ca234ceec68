"""Two-stage localization: one source gives the maps, and something else says which class an image is of.

Published Top-1 Loc often pairs a localizer with a stronger classifier (PSOL's EfficientNet-B7, for example). Boxes do
not change with it, and so neither does GT-known Loc; Top-1 and Top-5 do. Imports no torch before a network is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.datasets.ranks import classification
from wsol.maps.source import Loaded, MapSource, RawMaps

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from wsol.datasets.base import Sample
    from wsol.datasets.predictions import Predictions
    from wsol.methods._variants import Variant
    from wsol.models.classifier import Classifier
    from wsol.models.query import ModelQuery
    from wsol.views import View


@dataclass(frozen=True, kw_only=True)
class SecondNetwork:
    """A network that says which class an image is of.

    Attributes
    ----------
    view : how images become its input; the logits of several crops are averaged.
    batch_size : network inputs at a time. autocast : the half precision of the run, or None.
    """

    classifier: Classifier
    view: View
    batch_size: int = 16
    autocast: torch.dtype | None = None

    @property
    def label(self) -> str:
        """What tables call it: ``efficientnet_b7 (IMAGENET1K_V1)``."""
        return f"{self.classifier.name} ({self.classifier.weights_source})"

    @property
    def identity(self) -> list[Any]:
        """What decides its logits; part of a run's identity."""
        one, view = self.classifier, self.view
        return [one.name, one.weights_digest, view.name, view.side, [*view.options.items()], one.mean, one.std]

    def inputs(self, image: Image) -> list[NDArray[np.float32]]:
        """The network inputs of an image, (h, w, 3) each, normalized."""
        return [self.classifier.normalized(crop) for crop in self.view.inputs(image)]

    def logits(self, inputs: Sequence[Sequence[NDArray[np.float32]]]) -> list[NDArray[Any]]:
        """(C,) for each of n images with one input or several, all of one size: the mean over an image's inputs."""
        import torch

        weight = next(self.classifier.module.parameters())
        flat = [(image, one) for image, several in enumerate(inputs) for one in several]
        found: dict[int, list[NDArray[Any]]] = defaultdict(list)
        for start in range(0, len(flat), self.batch_size):
            chunk = flat[start : start + self.batch_size]
            images = torch.from_numpy(np.stack([one for _, one in chunk])).permute(0, 3, 1, 2)
            images = images.to(weight.device, weight.dtype).contiguous(memory_format=torch.channels_last)
            half = nullcontext() if self.autocast is None else torch.autocast(weight.device.type, self.autocast)
            with torch.inference_mode(), half:
                logits = self.classifier.module(images)
            wide = logits.to(torch.float64 if weight.dtype == torch.float64 else torch.float32).cpu().numpy()
            for (image, _), row in zip(chunk, wide, strict=True):
                found[image].append(row)
        return [np.mean(found[image], axis=0) for image in range(len(inputs))]


@dataclass
class TwoStageMaps(MapSource):
    """The maps of `inner`, with classes from elsewhere."""

    inner: MapSource
    classes: Predictions | SecondNetwork
    _last: tuple[Sequence[Loaded], list[NDArray[Any]]] | None = field(default=None, init=False, repr=False)

    @property
    def query(self) -> ModelQuery | None:
        return self.inner.query

    def remap(self, image: Tensor, sample: Sample, variant: Variant) -> NDArray[Any]:
        return self.inner.remap(image, sample, variant)

    def measures_costs(self, loaded: Sequence[Loaded], variants: Sequence[Variant]) -> bool:
        return self.inner.measures_costs(loaded, variants)

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        if not isinstance(self.classes, SecondNetwork):
            return self.inner.load(sample, views, needs)
        loaded = self.inner.load(sample, views, {*needs, "image"})
        assert loaded.image is not None
        inputs = self.classes.inputs(loaded.image)
        return replace(loaded, class_inputs=inputs, image=loaded.image if "image" in needs else None)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        maps, samples = self.inner.maps(loaded, view, variants), [one.sample for one in loaded]
        if not isinstance(self.classes, SecondNetwork):
            known = self.classes
            columns = [known.columns(sample.image_id) for sample in samples]
            by_id = known.logits
            return replace(
                maps,
                columns=columns,
                class_logits=None if by_id is None else lambda image: by_id[samples[image].image_id],
            )
        if self._last is None or self._last[0] is not loaded:  # the other views of a batch ask for the same
            self._last = loaded, self.classes.logits([one.class_inputs for one in loaded])
        logits = self._last[1]
        columns = [classification(one, sample.label) for one, sample in zip(logits, samples, strict=True)]
        return replace(maps, columns=columns, class_logits=lambda image: logits[image])

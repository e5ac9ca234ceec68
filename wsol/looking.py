"""Raw maps for a batch of images: one shared look, then every variant on what was seen."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol.errors import WsolError
from wsol.meters import PeakMemory
from wsol.methods.base import LayerFeatures
from wsol.methods.fusion import SHALLOW, fuse_layers
from wsol.models.cost import Cost, Memo
from wsol.models.forward import INPUT, capture
from wsol.models.grids import grids
from wsol.models.heads import head_behind
from wsol.models.query import ModelQuery
from wsol.models.stages import resolve_layer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from wsol.models.base import Classifier
    from wsol.models.heads import Head
    from wsol.variants import Variant


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one variant cost for one image, as if it ran alone; peak memory in MB beyond what was held before."""

    cost: Cost
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Maps:
    """What a batch of n network inputs gave: raw maps by variant id, (n, h, w); logits (n, C); costs by variant id."""

    raw: Mapping[str, NDArray[Any]]
    logits: NDArray[Any]
    spent: Mapping[str, Spent]


class Looker:
    """A network, ready to be looked at.

    Parameters
    ----------
    chunk : masked or partial forwards at a time.
    precision : ``float32``, ``float64``, or ``bfloat16`` (autocast).
    """

    def __init__(self, classifier: Classifier, *, device: str, precision: str, seed: int, chunk: int) -> None:
        dtype = torch.float64 if precision == "float64" else torch.float32
        self.classifier = classifier
        self.device = torch.device(device)
        self.seed = seed
        # channels last: twice as fast on the CPU for our networks (benchmarks/speed/layout.py)
        self.module = classifier.module.to(self.device, dtype).to(memory_format=torch.channels_last).eval()
        self.dtype = dtype
        self.autocast = precision == "bfloat16"
        self.grids = grids(classifier)
        self.query = ModelQuery(self.module, grids=self.grids, chunk=chunk, autocast=self.autocast)
        self._heads: dict[str, Head | None] = {}
        self._alone: dict[tuple[object, ...], tuple[int, Spent]] = {}
        self._warned: set[str] = set()
        self._last_side: dict[tuple[int, ...], int] = {}
        self._shallow: dict[tuple[tuple[str, ...], tuple[int, ...]], bool] = {}

    def tensor(self, images: Sequence[Image]) -> Tensor:
        """Network inputs of one size to (n, 3, h, w), normalised as the weights want it."""
        stack = np.stack([np.asarray(image, np.float32) for image in images]) / np.float32(255)
        mean, std = (np.asarray(v, np.float32) for v in (self.classifier.mean, self.classifier.std))
        pixels = torch.from_numpy((stack - mean) / std).permute(0, 3, 1, 2)
        return pixels.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)

    def maps(self, inputs: Tensor, targets: Tensor, image_ids: Sequence[str], variants: Sequence[Variant]) -> Maps:
        """Raw maps of every variant for (n, 3, h, w) `inputs` and their (n,) target classes."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            return self._maps(inputs, targets.to(self.device), tuple(image_ids), variants)

    def _maps(self, inputs: Tensor, targets: Tensor, ids: tuple[str, ...], variants: Sequence[Variant]) -> Maps:
        slopes = any("gradients" in v.info.needs for v in variants)
        layers = {m for v in variants for m in v.modules if m != INPUT or "gradients" in v.info.needs}
        with capture(self.module, sorted(layers), gradients=slopes, grids=self.grids) as look_at:
            look = look_at(inputs, targets if slopes else None)
        order = {layer: n for n, layer in enumerate(look.activations)}
        memo: Memo = {}
        peaks: dict[object, float] = {}  # of what is in the memo

        def seen(layer: str, used: set[object]) -> LayerFeatures:
            return LayerFeatures(
                name=layer,
                activations=look.activations.get(layer, inputs),
                _gradients=look.gradients.get(layer),
                logits=look.logits,
                targets=targets,
                images=inputs,
                image_ids=ids,
                seed=self.seed,
                head=self._head(layer, inputs),
                query=self.query,
                memo=memo,
                used=used,
            )

        raw: dict[str, NDArray[Any]] = {}
        spent: dict[str, Spent] = {}
        for variant in variants:
            alone = self._look_alone(variant, inputs, targets)
            used: set[object] = set()
            seens = [seen(layer, used) for layer in sorted(variant.modules, key=lambda m: order.get(m, -1))]
            before, clock, known = self.query.cost, self._now(), set(memo)
            with PeakMemory(self.device) as memory:
                maps = self._raw(variant, seens, inputs)
                raw[variant.id] = (
                    maps.detach().float().cpu().numpy() if self.dtype == torch.float32 else maps.detach().cpu().numpy()
                )
            self._look_for_nan(variant, raw[variant.id])
            own = self.query.cost - before
            n = len(inputs)
            seconds = self._now() - clock + own.seconds
            cost = Cost(own.forwards / n, own.backwards / n, own.partial_forwards / n, seconds / n) + alone.cost
            peaks |= dict.fromkeys(memo.keys() - known, memory.peak_mb)
            peak = max([alone.peak_mb, memory.peak_mb, *(peaks[key] for key in used)])
            spent[variant.id] = Spent(cost, peak)
        return Maps(raw, look.logits.cpu().numpy(), spent)

    def _look_for_nan(self, variant: Variant, maps: NDArray[Any]) -> None:
        """Say once of a variant that its maps are no numbers: such images find nothing."""
        broken = int((~np.isfinite(maps)).any((1, 2)).sum())
        if broken and variant.id not in self._warned:
            self._warned.add(variant.id)
            log.warning("%s: %d of %d maps hold NaN or infinite values and find nothing", variant.id, broken, len(maps))

    def _head(self, layer: str, inputs: Tensor) -> Head | None:
        if layer not in self._heads:
            self._heads[layer] = None if layer == INPUT else head_behind(self.module, layer, inputs, grids=self.grids)
        return self._heads[layer]

    def _look_alone(self, variant: Variant, inputs: Tensor, targets: Tensor) -> Spent:
        """What one image's look costs where this variant is the only one: forward, backward, seconds and memory.

        Measured apart from the shared look, on the first batch of each size, and on the first larger one.
        """
        if not variant.info.needs:
            return Spent(Cost(), 0.0)
        slopes, n = "gradients" in variant.info.needs, len(inputs)
        layers = tuple(sorted(m for m in set(variant.modules) if m != INPUT or slopes))
        key = (layers, slopes, inputs.shape[1:])
        largest, spent = self._alone.get(key, (0, Spent(Cost(), 0.0)))
        if n > largest:
            seconds, peaks = [], []
            for _ in range(2):  # the first of its kind is slower
                with PeakMemory(self.device) as memory:
                    clock = self._now()
                    with capture(self.module, layers, gradients=slopes, grids=self.grids) as look_at:
                        look_at(inputs, targets if slopes else None)
                    seconds.append(self._now() - clock)
                peaks.append(memory.peak_mb)
            spent = Spent(Cost(1, int(slopes), 0, min(seconds) / n), max(peaks))
            self._alone[key] = n, spent
        return spent

    def _raw(self, variant: Variant, seens: Sequence[LayerFeatures], inputs: Tensor) -> Tensor:
        try:
            if hasattr(variant.method, "joint"):
                joint: Tensor = variant.method.joint(seens)
                return joint
            maps = {seen.name: variant.method(seen) for seen in seens}
        except WsolError as error:
            raise type(error)(f"{variant.id}: {error}") from error
        if len(maps) == 1 and variant.fusion.gamma is None:
            return maps[variant.modules[0]]
        return fuse_layers(
            [maps[module] for module in variant.modules],
            variant.fusion,
            names=variant.layers,
            last_side=self._deepest_side(inputs),
            input_hw=(inputs.shape[-2], inputs.shape[-1]),
        )

    def _deepest_side(self, inputs: Tensor) -> int:
        """Height of the network's last stage for inputs of this size."""
        size = tuple(inputs.shape[-2:])
        if size not in self._last_side:
            layer = resolve_layer(self.classifier, "last")
            with capture(self.module, [layer], gradients=False, grids=self.grids) as look_at:
                self._last_side[size] = look_at(inputs[:1]).activations[layer].shape[-2]
        return self._last_side[size]

    def is_shallow(self, variant: Variant, image: Tensor) -> bool:
        """Whether all layers of a variant are shallow (`fusion.SHALLOW`) for network inputs (3, h, w) of this size.

        Maps in input space are of no layer, and so not shallow.
        """
        key = (variant.modules, tuple(image.shape[-2:]))
        if key not in self._shallow:
            layers = sorted(set(variant.modules) - {INPUT})
            with capture(self.module, layers, gradients=False, grids=self.grids) as look_at:
                sides = [a.shape[-2] for a in look_at(image[None]).activations.values()] if layers else []
            self._shallow[key] = bool(sides) and min(sides) >= SHALLOW * self._deepest_side(image[None])
        return self._shallow[key]

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def by_shape(inputs: Sequence[Image]) -> dict[tuple[int, int], list[int]]:
    """Positions of inputs of equal size, so that each size is one batch."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for position, image in enumerate(inputs):
        groups[image.size].append(position)
    return dict(groups)

"""Raw maps from a network: one shared forward and backward pass for each batch, then every variant on what it gave."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from wsol.errors import WsolError
from wsol.maps.batch_maps import BatchMaps
from wsol.maps.checks import changed_in_place, check_axes, checked, failed
from wsol.maps.cost import CostMeter, Measured, VariantCost
from wsol.maps.guard import Guard
from wsol.methods._features import LayerFeatures
from wsol.methods._fusion import SHALLOW, fuse_layers
from wsol.models.cost import Memo
from wsol.models.forward import INPUT, ForwardPass, capture, no_gradient
from wsol.models.heads import head_behind
from wsol.models.network import running
from wsol.models.outputs import advice
from wsol.models.query import ModelQuery, padded
from wsol.models.stages import resolve_layer
from wsol.models.tokens import Grids

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from wsol.methods._base import JointMethod
    from wsol.methods._variants import Variant
    from wsol.models.heads import Head
    from wsol.models.network import Network
    from wsol.models.query import Compile


log = logging.getLogger(__name__)


class MapExtractor:
    """Computes raw maps of a network, which stays as it is: device, type, layout, modes and hooks are the caller's.

    Parameters
    ----------
    network : its module runs where its parameters are, in their type.
    chunk : masked or partial forwards at a time.
    autocast : a half precision to run in, or None.
    compile : further forwards by `torch.compile`, see `ModelQuery`; the shared pass, whose layers are seen, is not.
    """

    def __init__(
        self,
        network: Network,
        *,
        seed: int = 0,
        chunk: int = 64,
        autocast: torch.dtype | None = None,
        compile: Compile = "none",  # noqa: A002
    ) -> None:
        self.network = network
        self.module = network.module
        self.seed = seed
        weight = next((p for p in self.module.parameters() if p.is_floating_point()), torch.zeros(()))
        self.device, self.dtype = weight.device, weight.dtype
        self.wide = torch.float64 if self.dtype == torch.float64 else torch.float32  # of what is given
        self.autocast = autocast
        self.grids = Grids(network)
        self.query = ModelQuery(
            self.module, grids=self.grids, chunk=chunk, autocast=autocast, compile=compile, black=network.black
        )
        self._heads: dict[str, Head | None] = {}
        self._heights: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)  # of layers, by the input's size
        self._sizes: dict[tuple[int, int], set[int]] = defaultdict(set)  # of batches that ran, by the input's size
        self._noticed = False
        self._meter = CostMeter(self.device, self.query)

    def tensor(self, inputs: Sequence[NDArray[np.float32]]) -> Tensor:
        """Inputs of one size, as `normalized` gives them, to (n, 3, h, w) on the network's device."""
        stack = torch.from_numpy(np.stack(inputs)).permute(0, 3, 1, 2)
        if self.device.type == "cuda":
            stack = stack.pin_memory()
        return stack.to(self.device, self.dtype, non_blocking=True).contiguous(memory_format=torch.channels_last)

    def maps(
        self,
        inputs: Tensor,
        targets: Tensor,
        image_ids: Sequence[str],
        variants: Sequence[Variant],
        *,
        measure: bool = False,
        keep_going: bool = True,
    ) -> BatchMaps:
        """Raw maps of every variant for (n, C, *space) `inputs` and their (n,) target classes.

        Parameters
        ----------
        keep_going : note where a method fails, image by image; otherwise its error is raised.
        measure : also time each variant as if it ran alone, and take its peak memory; its passes run twice more.
        """
        targets = targets.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, self.autocast or torch.bfloat16, enabled=self.autocast is not None):
            forward = self._forward(inputs, targets, variants)
            self._notice(forward.logits)
            memo: Memo = {}
            peaks: dict[object, float] = {}  # of what is in the memo
            tensors: dict[str, Tensor] = {"logits": forward.logits.to(self.wide)}
            failures: dict[tuple[str, int], str] = {}
            costs: dict[str, VariantCost] = {}
            for variant in variants:
                used: set[object] = set()
                check_axes(variant, inputs)
                features = self._features(forward, variant, inputs, targets, tuple(image_ids), memo, used)
                alone = self._cost_alone(variant, inputs, targets, measure=measure)
                before, known = self.query.cost, set(memo)
                guard = Guard(features, self.module) if variant.source else None
                try:
                    with self._meter.measured(measure) as spent:
                        if keep_going:
                            maps, wrong = self._maps_of(variant, features, inputs, forward.spaces)
                        else:
                            maps, wrong = self._computed(variant, features, inputs, forward.spaces), {}
                finally:
                    changed = guard.changed() if guard else ""
                if changed:
                    for key in memo.keys() - known:  # made of what was changed
                        del memo[key]
                    error = changed_in_place(variant, changed)
                    if not keep_going:
                        raise error
                    maps, wrong = failed(inputs, error)
                tensors[variant.id] = maps.to(self.wide)
                failures |= {(variant.id, place): line for place, line in wrong.items()}
                peaks |= dict.fromkeys(memo.keys() - known, spent.peak_mb)
                peak = max([alone.peak_mb, spent.peak_mb, *(peaks[key] for key in used)])
                cost = self.query.cost - before
                seconds = alone.seconds + spent.seconds + cost.seconds
                costs[variant.id] = VariantCost.of(
                    variant.info.needs, cost, len(inputs), measured=(seconds, peak) if measure else None
                )
        return BatchMaps(tensors, failures, costs)

    def _forward(self, inputs: Tensor, targets: Tensor, variants: Sequence[Variant]) -> ForwardPass:
        """The one pass that all variants share; on a GPU with a last, smaller batch filled up to a size already run."""
        layers, gradients = _layers(variants)
        whole, n = padded(inputs, self._sizes[_size(inputs)]) if self.device.type == "cuda" else (inputs, len(inputs))
        if len(whole) > n:
            targets = torch.cat([targets, targets[-1:].expand(len(whole) - n)])
        forward = self._pass(whole, targets, layers, gradients=gradients)
        heights = self._heights[_size(inputs)]
        heights |= {name: space[-2] for name, space in forward.spaces.items() if name != INPUT and len(space) > 1}
        return forward if len(whole) == n else forward[:n]

    def _notice(self, logits: Tensor) -> None:
        """Warn, on the first batch, of a network that puts out probabilities, of which everything takes the softmax."""
        if not self._noticed and (what := advice(logits)):
            log.warning("%s %s", self.network.name, what)
        self._noticed = True

    def _pass(self, inputs: Tensor, targets: Tensor, layers: Sequence[str], *, gradients: bool) -> ForwardPass:
        with capture(self.module, layers, gradients=gradients, grids=self.grids) as run, running(self.module, inputs):
            return run(inputs, targets if gradients else None)

    def _features(
        self,
        forward: ForwardPass,
        variant: Variant,
        inputs: Tensor,
        targets: Tensor,
        ids: tuple[str, ...],
        memo: Memo,
        used: set[object],
    ) -> list[LayerFeatures]:
        """What the variant receives of each of its layers, shallow to deep."""
        order = {layer: place for place, layer in enumerate(forward.activations)}
        return [
            LayerFeatures(
                name=layer,
                activations=forward.activations.get(layer, inputs),
                _gradients=forward.gradients.get(
                    layer, no_gradient(layer) if "gradients" in variant.info.needs else None
                ),
                logits=forward.logits,
                targets=targets,
                images=inputs,
                image_ids=ids,
                seed=self.seed,
                _head=partial(self._head, layer, inputs),
                query=self.query,
                memo=memo,
                used=used,
            )
            for layer in sorted(variant.modules, key=lambda m: order.get(m, -1))
        ]

    def _maps_of(
        self, variant: Variant, features: Sequence[LayerFeatures], inputs: Tensor, spaces: Mapping[str, tuple[int, ...]]
    ) -> tuple[Tensor, dict[int, str]]:
        """Raw maps (n, *grid), and by place what went wrong; a failed image's map is NaN.

        A method that raises on a batch is tried on its images one by one, so that the others keep theirs.
        """
        n = len(inputs)
        try:
            return self._computed(variant, features, inputs, spaces), {}
        except (Exception, SystemExit) as error:
            if isinstance(error, WsolError) or n == 1:
                return failed(inputs, error)
        maps: list[Tensor] = []
        wrong: dict[int, str] = {}
        for place in range(n):
            part = [f.of_image(place) for f in features]
            one, its_failure = self._maps_of(variant, part, inputs[place : place + 1], spaces)
            maps.append(one)
            if its_failure:
                wrong[place] = its_failure[0]
        size = next((m.shape for place, m in enumerate(maps) if place not in wrong), maps[0].shape)
        for place, one in enumerate(maps):
            if one.shape != size and place not in wrong:
                wrong[place] = f"ValueError: a map of {tuple(one.shape[1:])} among maps of {tuple(size[1:])}"
        return torch.cat([m if m.shape == size else m.new_full(size, float("nan")) for m in maps]), wrong

    def _computed(
        self, variant: Variant, features: Sequence[LayerFeatures], inputs: Tensor, spaces: Mapping[str, tuple[int, ...]]
    ) -> Tensor:
        if variant.info.joint:
            joint = cast("JointMethod", variant.method).joint
            return checked(joint(features), len(inputs), variant).detach()
        maps = {one.name: _raw_map(variant, one, len(inputs)) for one in features}
        if inputs.ndim != 4:  # the method received cells
            maps = {name: one.reshape(len(inputs), *spaces[name]) for name, one in maps.items()}
        if len(maps) == 1 and variant.fusion.gamma is None:
            return maps[variant.modules[0]].detach()
        return fuse_layers(
            [maps[module].to(self.wide) for module in variant.modules],
            variant.fusion,
            names=variant.layers,
            last_side=self.deepest(inputs),
            input_size=tuple(inputs.shape[2:]),
        ).detach()

    def is_shallow(self, variant: Variant, inputs: Tensor) -> bool:
        """Whether all layers of a variant are shallow (`fusion.SHALLOW`) for `inputs` of this size.

        Maps in input space are of no layer, and so not shallow.
        """
        layers = set(variant.modules) - {INPUT}
        return bool(layers) and min(self._height(m, inputs) for m in layers) >= SHALLOW * self.deepest(inputs)

    def deepest(self, inputs: Tensor) -> int:
        """The height of the deepest stage for `inputs` of this size, by which layers are shallow."""
        return self._height("last", inputs)

    def _height(self, layer: str, inputs: Tensor) -> int:
        """Of a layer's activations for inputs of this size; ``last`` is the deepest stage."""
        known = self._heights[_size(inputs)]
        if layer not in known:
            name = resolve_layer(self.network, layer)
            if name not in known:
                with capture(self.module, [name], gradients=False, grids=self.grids) as run:
                    known[name] = run(inputs[:1]).spaces[name][-2]
            known[layer] = known[name]
        return known[layer]

    def _head(self, layer: str, inputs: Tensor) -> Head | None:
        if layer not in self._heads:
            self._heads[layer] = None if layer == INPUT else head_behind(self.module, layer, inputs, grids=self.grids)
        return self._heads[layer]

    def _cost_alone(self, variant: Variant, inputs: Tensor, targets: Tensor, *, measure: bool) -> Measured:
        """Seconds and memory of the pass a variant would need alone, on the first batch of each size."""
        if not (measure and variant.info.needs):
            return Measured()
        layers, gradients = _layers([variant])
        key = (tuple(layers), gradients, tuple(inputs.shape))
        return self._meter.of(key, lambda: self._pass(inputs, targets, layers, gradients=gradients))


def _raw_map(variant: Variant, layer: LayerFeatures, n: int) -> Tensor:
    """A method's raw maps (n, h, w) of a layer; variants that differ in their fusion alone share them."""
    return layer.once(variant.raw_key, lambda: checked(variant.method(layer), n, variant))


def _layers(variants: Iterable[Variant]) -> tuple[list[str], bool]:
    """The layers that one pass for all these variants captures, and whether it takes gradients."""
    chosen = list(variants)
    gradients = any("gradients" in v.info.needs for v in chosen)
    return sorted({m for v in chosen for m in v.modules if m != INPUT or "gradients" in v.info.needs}), gradients


def _size(inputs: Tensor) -> tuple[int, int]:
    return int(inputs.shape[-2]), int(inputs.shape[-1])

"""Capture what a network computes: activations and gradients of named layers, from one forward and one backward.

>>> with capture(model, ["layer3", "layer4"]) as forward:      # doctest: +SKIP
...     result = forward(images, targets)
...     result.activations["layer4"], result.gradients["layer4"]

Hooks live exactly as long as the block. The train/eval mode, `requires_grad` and the hooks of the network are as
before when it ends, after an exception too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from wsol.errors import LayerError, first_line, unknown
from wsol.models.memory import out_of_memory
from wsol.models.network import can_hook, evaluating, first_of, frozen, plain_attention, with_first
from wsol.models.repeated_layers import check_sequential, sequential_layers
from wsol.models.scores import target_logit
from wsol.models.tokens import CELLS, grid_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol.models.scores import Score
    from wsol.models.tokens import Grid

NEED_NONE = "or a method without gradients, such as eigencam, scorecam or ablationcam"

INPUT = "input"  # the image itself, as a layer: its gradient is what input-space methods use


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """Logits, activations and gradients of one forward (and one backward) pass over a batch of B images.

    Attributes
    ----------
    logits : (B, C) scores before the softmax, detached, float32 or wider.
    activations : by layer, (B, K, H, W), detached. The layer `input` is the image batch.
    spaces : by layer, the sizes of its axes of space; with other than two, tensors are (B, K, cells, 1).
    gradients : by layer, d score / d activation, same shapes; empty when none were asked for. Taking one of a layer
        at which none arrives raises LayerError.
    roots : with `create_graph`, by layer, the very tensors that the gradients are functions of: what a second
        derivative is taken by. They are as the network had them, of tokens or in half precision.
    """

    logits: Tensor
    activations: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    roots: Mapping[str, Tensor] = field(default_factory=dict)
    spaces: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __getitem__(self, some: slice) -> ForwardPass:
        """Some of the batch's images; without the roots, which are of all."""
        activations = {name: tensor[some] for name, tensor in self.activations.items()}
        gradients = Gradients({name: tensor[some] for name, tensor in self.gradients.items()})
        return ForwardPass(self.logits[some], activations, gradients, spaces=self.spaces)


class Gradients(dict[str, "Tensor"]):
    """By layer; LayerError for one that the score does not depend on."""

    def __missing__(self, layer: str) -> Tensor:
        raise no_gradient(layer)


def no_gradient(layer: str) -> LayerError:
    """What is wrong with a layer at which no gradient arrives."""
    return LayerError(
        f"no gradient arrives at layer {layer!r}: the score does not depend on it, or the network cuts the graph "
        f"behind it (detach, torch.no_grad, quantized layers); choose another, {NEED_NONE}"
    )


@contextmanager
def capture(
    model: nn.Module,
    layers: Sequence[str],
    *,
    gradients: bool = True,
    grids: Mapping[str, Grid] | None = None,
    strict: bool = True,
) -> Iterator[Capture]:
    """Hook `layers` of `model` for the length of a block; yields a function from images to a `ForwardPass`.

    Parameters
    ----------
    layers : dotted module names, or ``"input"``.
    gradients : also take gradients; without, no graph is built.
    grids : by layer, how a transformer's tokens become a (B, K, H, W) grid; layers without one must be spatial.
    strict : a layer that is not run (an auxiliary head) is an error; otherwise it is left out of the result.

    Raises
    ------
    LayerError : a layer is not in the network (nearest name given), was not run, or has no spatial output.
    """
    modules = dict(model.named_modules())
    for name in layers:
        if name != INPUT and name not in modules:
            raise unknown("layer", name, [n for n in modules if n], see="wsol list layers", error=LayerError)
        if name != INPUT and not can_hook(modules[name]):
            raise LayerError(
                f"layer {name!r} was scripted or traced, and can't be seen; give the network as it was before"
            )
    forward = Capture(model, tuple(dict.fromkeys(layers)), gradients, {} if grids is None else grids, strict)
    handles = []
    try:
        with evaluating(model), frozen(model):
            handles = [
                modules[name].register_forward_hook(forward._keep(name)) for name in forward.layers if name != INPUT
            ]
            yield forward
    finally:
        for handle in handles:
            handle.remove()
        forward._kept.clear()


class Capture:
    """The function `capture` yields; see there."""

    def __init__(
        self, model: nn.Module, layers: tuple[str, ...], gradients: bool, grids: Mapping[str, Grid], strict: bool = True
    ) -> None:
        self.strict = strict
        self.model = model
        self.layers = layers
        self.gradients = gradients
        self.grids = grids
        self._kept: dict[str, Tensor] = {}
        self._repeated: set[str] = set()  # layers that ran more than once

    def __call__(
        self, images: Tensor, targets: Tensor | None = None, *, score: Score = target_logit, create_graph: bool = False
    ) -> ForwardPass:
        """Run (B, 3, h, w) `images`; `targets` are the (B,) classes whose score is differentiated.

        With `create_graph` the tensors stay attached, for second derivatives; attention then takes its plain kernel,
        the only one that has them.
        """
        if self.gradients and (targets is None or len(targets) != len(images)):
            raise ValueError(
                f"{len(images)} images need as many targets, not {targets if targets is None else len(targets)}"
            )
        self._kept.clear()
        space = tuple(images.shape[2:])
        with torch.set_grad_enabled(self.gradients):
            if INPUT in self.layers:
                self._kept[INPUT] = images.detach().requires_grad_(self.gradients)
                images = self._kept[INPUT].clone()
            with plain_attention() if create_graph else nullcontext():
                logits = self.model(images)
            kept = dict(self._kept)  # in the order they were run
            if repeated := self._repeated - sequential_layers(self.model):
                self._check_runs(images[:1], repeated)
            self._kept.clear()  # asking for a grid may run the network on an example, under the same hooks
            if self.strict and len(kept) < len(self.layers):
                missing = next(name for name in self.layers if name not in kept)
                raise LayerError(f"layer {missing!r} is in the network but was not run")
            gradients: tuple[Tensor | None, ...] = ()
            if self.gradients:
                assert targets is not None
                # Scores of different images don't mix in eval mode, so the gradient of their sum has each one's own.
                total = score(wide(logits), targets.to(logits.device)).sum()
                if not total.requires_grad:
                    raise LayerError(
                        f"the score has no gradient at {', '.join(map(repr, kept))}: nothing behind reads it, or the "
                        "network runs under torch.no_grad or re-entrant checkpointing; choose another layer, "
                        f"{NEED_NONE}"
                    )
                try:
                    gradients = torch.autograd.grad(
                        total, list(kept.values()), create_graph=create_graph, allow_unused=True
                    )
                except RuntimeError as error:  # re-entrant checkpointing, an operation without a derivative
                    if out_of_memory(error):
                        raise
                    raise LayerError(
                        f"no gradient arrives at {', '.join(map(repr, kept))} ({first_line(error)}); where the network "
                        f"uses checkpointing, give it use_reentrant=False; else choose another layer, {NEED_NONE}"
                    ) from error
        detach = (lambda t: t) if create_graph else torch.Tensor.detach
        laid = {name: grid_of(self.grids, name, tensor, space) for name, tensor in kept.items()}
        activations = {name: _unfolded(name, detach(tensor), laid[name]) for name, tensor in kept.items()}
        for name, maps in activations.items():
            if len(maps) != len(images):
                raise LayerError(
                    f"layer {name!r} has {len(maps)} maps for {len(images)} images, since the network gives it several "
                    "parts or mirrored copies of an image, or one image after the other, so it has no single map; "
                    "give the part of the network that runs once, or a layer outside it"
                )
        gradients_by_layer = Gradients(
            {
                name: _unfolded(name, detach(torch.zeros_like(kept[name]) if g is None else g), laid[name])
                for name, g in zip(kept, gradients, strict=False)
                if g is not None or not self.strict
            }
        )
        roots = kept if create_graph else {}
        spaces = {name: tuple((kept[name] if laid[name] is CELLS else activations[name]).shape[2:]) for name in kept}
        self._kept.clear()
        return ForwardPass(wide(detach(logits)), activations, gradients_by_layer, roots, spaces)

    def _keep(self, name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            first = first_of(output)
            if first is None:
                raise LayerError(
                    f"layer {name!r} returns a {type(output).__name__} without a tensor in it; choose another layer"
                )
            if first.is_quantized or not first.is_floating_point():
                kind = "quantized numbers" if first.is_quantized else str(first.dtype)
                raise LayerError(
                    f"layer {name!r} puts out {kind}, which have no gradient and no map; give the network as it was "
                    "before it was quantized, or choose another layer"
                )
            if self.gradients and first.is_inference():
                raise LayerError(
                    f"layer {name!r} has no gradient, for the network runs it under torch.inference_mode; choose "
                    f"another layer, {NEED_NONE}"
                )
            if name in self._kept:
                self._repeated.add(name)
                if self.gradients and torch.is_grad_enabled():
                    known = sequential_layers(self.model)
                    if name not in known:
                        check_sequential(name, first, self._kept[name])
                        known.add(name)
            if self.gradients and not first.requires_grad:
                first = first.detach().requires_grad_()
            self._kept.pop(name, None)  # so that the last run decides the order
            self._kept[name] = first
            # The network goes on with a copy: an in-place ReLU behind this layer would overwrite what we keep.
            return with_first(output, first.clone())

        return hook

    def _check_runs(self, image: Tensor, layers: set[str]) -> None:
        """Whether each run of a layer works on what the one before gave: a pass without gradients can't see it."""
        if self.gradients:
            return  # seen, or under torch.no_grad, where the score has no gradient
        self._kept.clear()
        self.gradients = True
        try:
            with torch.enable_grad():
                self.model(image)
        finally:
            self.gradients = False
            self._kept.clear()
        sequential_layers(self.model).update(layers)


def _unfolded(name: str, tensor: Tensor, grid: Grid | None) -> Tensor:
    """A layer's output as (B, K, H, W)."""
    tensor = tensor if grid is None else grid.unfold(tensor)
    if tensor.ndim != 4:
        raise LayerError(
            f"layer {name!r} has no spatial output (its shape is {tuple(tensor.shape)}); "
            "choose a convolutional layer or block. See: wsol list layers"
        )
    return wide(tensor)


def wide(tensor: Tensor) -> Tensor:
    """Half precision (autocast) to float32; wider types stay."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor

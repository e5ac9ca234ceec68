"""See the attention of a transformer: every block's probabilities and their gradients, from one forward and backward.

>>> with capture_attention(model) as forward:      # doctest: +SKIP
...     result = forward(images, targets)
...     result.probabilities[-1], result.gradients[-1]

Two kinds of modules are known: `torch.nn.MultiheadAttention` (torchvision) and those that pass their probabilities
through a child called `attn_drop` (timm). Fused kernels never hold the probabilities, so they are off inside the
block. Mode, `requires_grad`, kernels and hooks are as before when it ends, after an exception too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from wsol.errors import LayerError
from wsol.models.forward import wide
from wsol.models.network import evaluating, first_of, frozen
from wsol.models.scores import target_logit

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.autograd.graph import GradientEdge

    from wsol.models.scores import Score

INSTEAD = "use a method of layers, such as gradcam, layercam or eigencam"


@dataclass(frozen=True, slots=True)
class Attention:
    """What the attention of L layers did for a batch of B images, shallow to deep.

    Attributes
    ----------
    logits : (B, C), detached, float32 or wider.
    names : of the attention modules, in the order they ran.
    probabilities : L times (B, heads, T, T), detached; row q is the attention of query token q, and sums to 1.
    gradients : L times (B, heads, T, T), d score / d probability; empty when none were asked for.
    """

    logits: Tensor
    names: tuple[str, ...]
    probabilities: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]


@contextmanager
def capture_attention(model: nn.Module, *, gradients: bool = True) -> Iterator[AttentionCapture]:
    """Hook every attention of `model` for the length of a block; yields a function from images to an `Attention`.

    Parameters
    ----------
    gradients : also take gradients; without, no graph is built.

    Raises
    ------
    LayerError : the network has no attention, or (when called) none from every token to every token.
    """
    modules = attention_modules(model)
    if not modules:
        raise LayerError(
            f"{type(model).__name__} has no attention that can be seen (no torch.nn.MultiheadAttention, and no module "
            f"that passes its probabilities through `attn_drop`); {INSTEAD}"
        )
    forward = AttentionCapture(model, gradients)
    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        stack.enter_context(frozen(model))
        stack.enter_context(_unfused(model))
        stack.callback(forward.clear)
        for name, module in modules.items():
            for handle in forward.hook(name, module):
                stack.callback(handle.remove)
        yield forward


def attention_modules(model: nn.Module) -> dict[str, nn.Module]:
    """By dotted name, the modules whose attention can be seen."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.MultiheadAttention)
        or isinstance(getattr(module, "attn_drop", None), torch.nn.Module)
    }


class AttentionCapture:
    """The function `capture_attention` yields; see there."""

    def __init__(self, model: nn.Module, gradients: bool) -> None:
        self.run: Callable[[Tensor], Tensor] = model
        self.gradients = gradients
        self._kept: list[tuple[str, Tensor, Tensor | GradientEdge]] = []
        self._tokens: dict[str, int] = {}

    def __call__(self, images: Tensor, targets: Tensor | None = None, *, score: Score = target_logit) -> Attention:
        """Run (B, 3, h, w) `images`; `targets` are the (B,) classes whose score is differentiated."""
        if self.gradients and (targets is None or len(targets) != len(images)):
            given = targets if targets is None else len(targets)
            raise ValueError(f"{len(images)} images need as many targets, not {given}")
        self.clear()
        with torch.set_grad_enabled(self.gradients):
            # The graph starts at the image, for the weights are frozen: an attention without a graph has no gradient.
            logits = self.run(images.detach().requires_grad_(self.gradients).clone())
            self._check(len(images))
            names, kept, edges = zip(*self._kept, strict=True)
            gradients: list[Tensor] = []
            if self.gradients:
                assert targets is not None
                total = score(wide(logits), targets.to(logits.device)).sum()
                by_edge = torch.autograd.grad(total, edges, allow_unused=True)
                gradients = [
                    torch.zeros_like(p) if g is None else g.reshape(p.shape) for p, g in zip(kept, by_edge, strict=True)
                ]
        self.clear()
        probabilities = tuple(wide(p.detach()) for p in kept)
        return Attention(wide(logits.detach()), names, probabilities, tuple(wide(g) for g in gradients))

    def clear(self) -> None:
        """Forget what was kept."""
        self._kept.clear()
        self._tokens.clear()

    def hook(self, name: str, module: nn.Module) -> list[Any]:
        """Handles of the hooks that keep one module's attention."""
        if not isinstance(module, torch.nn.MultiheadAttention):
            drop = module.get_submodule("attn_drop")
            return [drop.register_forward_hook(self._keep(name)), module.register_forward_hook(self._count(name))]
        wanted: list[bool] = []

        def ask(part: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
            call = inspect.signature(module.forward).bind(*args, **kwargs)
            wanted[:] = [call.arguments.get("need_weights", True), call.arguments.get("average_attn_weights", True)]
            call.arguments.update(need_weights=True, average_attn_weights=False)
            return call.args, call.kwargs

        def keep(part: nn.Module, args: Any, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
            out, weights = output
            self._kept.append((name, weights, _behind_view(weights) if self.gradients else weights))
            needed, averaged = wanted
            return out, None if not needed else weights.mean(1) if averaged else weights

        return [module.register_forward_pre_hook(ask, with_kwargs=True), module.register_forward_hook(keep)]

    def _keep(self, name: str) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        def hook(part: nn.Module, args: Any, output: Tensor) -> Tensor:
            if self.gradients and not output.requires_grad:
                output = output.detach().requires_grad_()
            self._kept.append((name, output, output))
            return output

        return hook

    def _count(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """How many tokens a module puts out, which tells attention between tokens from attention between channels."""

        def hook(part: nn.Module, args: Any, output: Any) -> None:
            first = first_of(output)
            self._tokens[name] = first.shape[1] if first is not None and first.ndim == 3 else -1

        return hook

    def _check(self, batch: int) -> None:
        """Every attention is from all tokens of an image to all of them, and the tokens stay the same."""
        if not self._kept:
            raise LayerError(f"the network ran without its attention modules; {INSTEAD}")
        size = self._kept[-1][1].shape[-1]
        for name, weights, _ in self._kept:
            expected = (batch, weights.shape[1] if weights.ndim == 4 else 0, size, size)
            if weights.shape != expected or self._tokens.get(name, size) != size:
                raise LayerError(
                    f"the attention of {name!r} is not from every token of an image to every other "
                    f"(its shape is {tuple(weights.shape)} for a batch of {batch}); {INSTEAD}"
                )


def _behind_view(weights: Tensor) -> GradientEdge:
    """Where the gradient of the probabilities arrives: the returned ones are a view that leads nowhere."""
    node = weights.grad_fn
    while node is not None and "Softmax" not in node.name():
        node = node.next_functions[0][0]
    if node is None:
        raise RuntimeError("torch.nn.MultiheadAttention has changed: its weights don't come from a softmax")
    return torch.autograd.graph.GradientEdge(node, 0)


@contextmanager
def _unfused(model: nn.Module) -> Iterator[None]:
    """Attention computed step by step for the length of a block: timm's flag and torch's fast path off."""
    fused = [module for module in model.modules() if vars(module).get("fused_attn")]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        for module in fused:
            module.fused_attn = False  # type: ignore[assignment]
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        for module in fused:
            module.fused_attn = True  # type: ignore[assignment]
        torch.backends.mha.set_fastpath_enabled(fast)

"""DeepLIFT multipliers from a layer to the target logit, against the layer at zero.

The rescale rule: through an elementwise function the multiplier is (change of output) / (change of input), and through
a max pool each window's change goes to the winners of both sides. Linear layers keep their gradient, so contributions
add up to y - y_0 wherever only these are between the layer and the logit (Shrikumar et al., 2017).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from wsol.methods._common.relu_rules import IN_PLACE, PLAIN
from wsol.methods._features import LayerFeatures
from wsol.models.forward import INPUT
from wsol.models.network import first_of, with_first
from wsol.models.scores import target_logit

POOLS = (torch.max_pool2d, functional.max_pool2d)
RELUS = (*PLAIN, *IN_PLACE)
CAPPED = (functional.relu6, functional.hardtanh, functional.leaky_relu, functional.hardswish)
SMOOTH = (functional.silu, functional.gelu, torch.sigmoid, Tensor.sigmoid, torch.tanh, Tensor.tanh)
ELEMENTWISE = (*RELUS, *CAPPED, *SMOOTH)
SAME = 8  # unit roundoffs: two values this close are equal, and their slope is the derivative


def multipliers(layer: LayerFeatures) -> Tensor:
    """(B, K, H, W) for a layer: times the activations, contributions. Two forwards and two backwards."""
    count = len(layer.images)

    def score(logits: Tensor, targets: Tensor) -> Tensor:
        return target_logit(logits, targets)[:count]

    reference = torch.zeros_like(layer.images) if layer.name == INPUT else layer.images
    both = torch.cat([layer.images, reference])
    targets = torch.cat([layer.targets, layer.targets])
    with _zeroed_behind(layer, count), Rescale():
        result = layer.query.forward_backward(both, targets, [layer.name], score=score)
    return result.gradients[layer.name][:count]


@contextmanager
def _zeroed_behind(layer: LayerFeatures, count: int) -> Iterator[None]:
    """The layer puts out zeros for the images after the first `count`."""
    if layer.name == INPUT:
        yield
        return

    def zero(module: Any, args: Any, output: Any) -> Any:
        first = first_of(output)
        first = torch.cat([first[:count], torch.zeros_like(first[count:])])
        return with_first(output, first)

    handle = layer.query.module.get_submodule(layer.name).register_forward_hook(zero)
    try:
        yield
    finally:
        handle.remove()


class Rescaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.enable_grad():
            free = x.detach().clone().requires_grad_()
            out = function(free)
            (slope,) = torch.autograd.grad(out.sum(), free)
        # Copies: in-place operations that follow would write into what is kept.
        ctx.save_for_backward(x.clone(), out.detach().clone(), slope)
        return out.detach()

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> Any:
        x, out, slope = ctx.saved_tensors
        factor = slope.clone()
        half = len(x) // 2
        step, rise = x[:half] - x[half:], out[:half] - out[half:]
        apart = _apart(x[:half], x[half:])
        factor[:half] = torch.where(apart, rise / torch.where(apart, step, 1), slope[:half])
        return signals[0] * factor, None


class Pooled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        out, winner = function(x)
        ctx.save_for_backward(x.clone(), out.clone(), winner)
        return out

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> Any:
        x, out, winner = (t.flatten(2) for t in ctx.saved_tensors)
        signal = signals[0].flatten(2)
        half = len(x) // 2
        ours, theirs = out[:half], out[half:]
        larger = torch.maximum(ours, theirs)
        spread = torch.zeros_like(x[:half]).scatter_add(2, winner[:half], signal[:half] * (larger - theirs))
        spread = spread.scatter_add(2, winner[half:], signal[:half] * (ours - larger))
        plain = torch.zeros_like(x).scatter_add(2, winner, signal)
        apart = _apart(x[:half], x[half:])
        plain[:half] = torch.where(apart, spread / torch.where(apart, x[:half] - x[half:], 1), plain[:half])
        return plain.reshape(ctx.saved_tensors[0].shape), None


class Rescale(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in POOLS and not kwargs.get("return_indices"):
            x, rest = args[0], args[1:]
            if len(x) % 2 == 0:
                kwargs.pop("return_indices", None)
                pool = functional.max_pool2d_with_indices
                return Pooled.apply(x, lambda t: pool(t, *rest[:5], **kwargs))
        if func not in ELEMENTWISE or len(args[0]) % 2:
            return func(*args, **kwargs)
        inplace = kwargs.pop("inplace", False) or func.__name__.endswith("_")
        # A copy: some take `inplace` as a positional argument, or have no other form.
        out = Rescaled.apply(args[0], lambda t: func(t.clone(), *args[1:], **kwargs))
        return args[0].copy_(out) if inplace else out


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs() > SAME * torch.finfo(a.dtype).eps * torch.maximum(a.abs(), b.abs())

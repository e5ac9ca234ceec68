"""Backward passes with another rule at the ReLUs: DeconvNet and guided backpropagation.

The rule is put in while the block lasts, for modules and functions, in place or not, without touching the network: no
hook, no copy, nothing to restore. Capped ReLUs (ReLU6) follow it too; smooth activations (SiLU, GELU) keep their
gradient.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from wsol.methods._features import LayerFeatures
from wsol.models.forward import INPUT

Rule = Literal["deconvnet", "guided"]
PLAIN = (torch.nn.functional.relu, torch.relu, torch.Tensor.relu)
IN_PLACE = (torch.nn.functional.relu_, torch.relu_, torch.Tensor.relu_)


def ruled_gradient(layer: LayerFeatures, rule: Rule) -> Tensor:
    """(B, 3, h, w) what the rule sends back to the image from the target logit: one forward and one backward."""

    def run() -> Tensor:
        with RuleMode(rule):
            return layer.query.forward_backward(layer.images, layer.targets, [INPUT]).gradients[INPUT]

    return layer.once(("relu_rule", rule), run)


class Ruled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, high: float, rule: str) -> Tensor:
        ctx.save_for_backward((x > 0) & (x < high) if rule == "guided" else None)
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> Any:
        (gate,) = ctx.saved_tensors
        kept = signals[0].clamp(min=0)  # not relu(): the mode is still on
        return (kept if gate is None else kept * gate), None, None


class RuleMode(torch.overrides.TorchFunctionMode):
    """Every ReLU run inside the block sends back by `rule`, however the backward pass is started.

    ``deconvnet``: R_in = ReLU(R_out), whatever the forward pass saw; ``guided``: R_in = 1[x > 0] ReLU(R_out).
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        high = _cap(func, args, kwargs)
        if high is None:
            return func(*args, **kwargs)
        x = args[0] if args else kwargs["input"]
        out = Ruled.apply(x, high, self.rule)
        inplace = func in IN_PLACE or kwargs.get("inplace") or (len(args) > 1 and args[-1] is True)
        return x.copy_(out) if inplace else out


def _cap(func: Any, args: Any, kwargs: Any) -> float | None:
    """Upper end of a (capped) ReLU; None for any other function."""
    if func in PLAIN or func in IN_PLACE:
        return float("inf")
    if func is torch.nn.functional.relu6:
        return 6.0
    if func is torch.nn.functional.hardtanh:
        low = kwargs.get("min_val", args[1] if len(args) > 1 else -1.0)
        high = kwargs.get("max_val", args[2] if len(args) > 2 else 1.0)
        return float(high) if low == 0 else None
    return None

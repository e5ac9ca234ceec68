"""What a method from outside the package receives is what all others use: its changes are found, named and undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch

from wsol.methods._features import LayerFeatures

if TYPE_CHECKING:
    from torch import Tensor, nn

RECEIVED = ("activations", "gradients", "logits", "targets", "images")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Guard:
    """Copies of all that a method could change: its layers' tensors, and weights, buffers and hooks of the network.

    Version counters of tensors would be cheaper, but writes through ``.data`` and NumPy pass them by.
    """

    def __init__(self, features: Sequence[LayerFeatures], module: nn.Module) -> None:
        self._module = module
        self._kept = [(name, tensor, tensor.detach().clone()) for name, tensor in _shared(features, module)]
        self._hooks = {id(hooks): set(hooks) for _, hooks in _hooks(module)}

    def changed(self) -> str:
        """What was changed, by name, and is now as before: ``layer.images``, the network's ``fc.weight``; or empty."""
        same = [_same(tensor, kept) for _, tensor, kept in self._kept]
        found = []
        if same and not bool(torch.stack(same).all()):  # waits for the device once
            for (name, tensor, kept), equal in zip(self._kept, same, strict=True):
                if not bool(equal):
                    found.append(name)
                    _restore(tensor, kept)
        for name, hooks in _hooks(self._module):
            left = hooks.keys() - self._hooks.get(id(hooks), set())
            found += [f"the hooks of {name}"] if left else []
            for handle in left:
                del hooks[handle]
        return " and ".join(dict.fromkeys(found))


def _shared(features: Sequence[LayerFeatures], module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for layer in features:
        for name in RECEIVED:
            tensor = getattr(layer, "_gradients" if name == "gradients" else name)
            if isinstance(tensor, torch.Tensor):
                yield f"layer.{name}", tensor
    for name, tensor in module.state_dict(keep_vars=True).items():
        if isinstance(tensor, torch.Tensor):
            yield f"the network's {name}", tensor


def _hooks(module: nn.Module) -> Iterator[tuple[str, dict[int, object]]]:
    for name, part in module.named_modules():
        for kind in HOOKS:
            yield name or type(part).__name__, getattr(part, kind)


def _same(tensor: Tensor, kept: Tensor) -> Tensor:
    """Whether all values are equal, as a tensor without axes; a NaN equals another."""
    if tensor.shape != kept.shape or tensor.dtype != kept.dtype:
        return torch.zeros((), dtype=torch.bool, device=kept.device)
    return ((tensor == kept) | ((tensor != tensor) & (kept != kept))).all()


def _restore(tensor: Tensor, kept: Tensor) -> None:
    with torch.no_grad():
        if tensor.shape == kept.shape and tensor.dtype == kept.dtype:
            tensor.copy_(kept)  # in place: others hold views of it
        else:
            tensor.data = kept

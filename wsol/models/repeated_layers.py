"""Layers that run more than once per image: they have one map only where each run works on what the last one gave.

A ReLU that is used again deeper in the network is one layer, its last run. A backbone that sees the image, its mirror
image and two sizes of it has four maps, and none of them is the layer's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from wsol.errors import LayerError

if TYPE_CHECKING:
    from torch import Tensor, nn

_sequential: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()


def sequential_layers(model: nn.Module) -> set[str]:
    """The layers of a network that were seen to run again on their own results; whoever checks one adds it."""
    return _sequential.setdefault(model, set())


def check_sequential(layer: str, later: Tensor, earlier: Tensor) -> None:
    """Raises LayerError where a layer's later run does not work on what the earlier one gave.

    Both tensors must carry the graph they were computed in.
    """
    wanted = earlier.grad_fn
    waiting, seen = [later.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if node is wanted or getattr(node, "variable", None) is earlier:
            return
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]
    raise LayerError(
        f"layer {layer!r} runs more than once per image, each time on another input (mirrored, of another size, a "
        "reference), so it has no single map; give the part of the network that runs once, or a layer outside it"
    )

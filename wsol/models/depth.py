"""What the score of a network depends on: the layers with a gradient, and which of them lies behind which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from wsol.models.network import evaluating, first_of, with_first, zeros_filled
from wsol.models.outline import outline, unfolded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol.models.network import Network


@dataclass(frozen=True, slots=True)
class Graph:
    """Of the layers with space, from one forward and backward over an example.

    Attributes
    ----------
    alive : layers at whose grid a gradient arrives.
    before : by layer, those whose output its own is computed from; empty where the graph is cut.
    """

    alive: frozenset[str] = frozenset()
    before: Mapping[str, frozenset[str]] = field(default_factory=dict)


_graphs: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], Graph]] = WeakKeyDictionary()


def graph_of(network: Network) -> Graph:
    """The graph of a network, kept as long as it lives; an empty one where it has no gradients at all."""
    known = _graphs.setdefault(network.module, {})
    shape = tuple(network.example.shape)
    if shape not in known:
        known[shape] = _graph(network)
    return known[shape]


def _graph(network: Network) -> Graph:
    outputs = outline(network)
    modules = dict(network.module.named_modules())
    kept: dict[str, Tensor] = {}
    roots: dict[str, Any] = {}

    def keep(name: str) -> Any:
        def hook(part: nn.Module, args: Any, output: Any) -> Any:
            first = first_of(output)
            if first is None or not torch.is_grad_enabled() or not first.is_floating_point():
                return None
            if not first.requires_grad:
                first = first.detach().requires_grad_()
            kept.pop(name, None)
            kept[name], roots[name] = first, first.grad_fn
            return with_first(output, first.clone())

        return hook

    handles = [
        modules[name].register_forward_hook(keep(name)) for name, output in outputs.items() if output.layout != "none"
    ]
    try:
        with evaluating(network.module), torch.enable_grad():
            images = network.example.detach().clone().requires_grad_()
            logits = torch.func.functional_call(network.module, zeros_filled(network.module), (images,))
            score = first_of(logits)
            if not kept or score is None:  # an object of the network's own, of which the caller gives a function
                return Graph()
            gradients = torch.autograd.grad(score.sum(), list(kept.values()), allow_unused=True)
    except RuntimeError:  # no graph: torch.no_grad, inference mode, re-entrant checkpoints
        return Graph()
    finally:
        for handle in handles:
            handle.remove()
    alive = set()
    for name, gradient in zip(kept, gradients, strict=True):
        one = outputs[name]
        if gradient is not None and bool(unfolded(gradient, one.reading).any()):
            alive.add(name)
    before = _reached({name: roots[name] for name in kept}, kept)
    return Graph(frozenset(alive), before)


def _reached(roots: Mapping[str, Any], kept: Mapping[str, Tensor]) -> dict[str, frozenset[str]]:
    """By layer, all layers that its graph leads to."""
    places = {id(node): name for name, node in roots.items() if node is not None}
    leaves = {id(kept[name]): name for name, node in roots.items() if node is None}
    before: dict[str, frozenset[str]] = {}
    for name in kept:  # in the order they ran, so what lies before is known
        found: set[str] = set()
        waiting, seen = [roots[name]], set()
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            other = places.get(id(node)) or leaves.get(id(getattr(node, "variable", None)))
            if other is not None and other != name:
                found |= {other} | before.get(other, frozenset())
                if other in before:
                    continue  # what is behind it is known
            waiting += [following for following, _ in node.next_functions]
        before[name] = frozenset(found)
    return before

"""Stages of a transformer that keeps one resolution: blocks spread over the depth."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from wsol.models.depth import graph_of
from wsol.models.outline import outline

if TYPE_CHECKING:
    from wsol.models.network import Network

STAGES = 5  # as many as a usual CNN has resolutions


def block_stages(network: Network) -> list[str]:
    """Five of the blocks of a transformer that keeps one resolution, or nothing for other networks."""
    outputs = outline(network)
    runs = _runs(network)
    blocks = max(runs.values(), key=len, default=[])  # siblings of one class
    grids = {outputs[name].grid for run in runs.values() for name in run}
    if len(blocks) < 3 or len(grids) > 1:
        return []  # a pyramid of tokens has stages like any other
    count = min(STAGES, len(blocks))
    chosen = [blocks[round((i + 1) * len(blocks) / count) - 1] for i in range(count)]
    return [*chosen[:-1], _deepest_with_gradient(network, blocks[-1], blocks)]


def with_gradient(network: Network, last: str) -> str:
    """`last`, the end of a pyramid's last stage, or a layer before it where the patches of `last` have no gradient.

    Only a network with tokens in front of the patches, or with several outputs per stage, can leave the patches unread.
    """
    outputs = outline(network)
    if not (outputs[last].prefix or outputs[last].is_first):
        return last
    runs = [r for r in _runs(network).values() if len(r) > 1 and outputs[r[-1]].grid == outputs[last].grid]
    return _deepest_with_gradient(network, last, runs[-1]) if runs else last


def _runs(network: Network) -> dict[tuple[str, type], list[str]]:
    """Siblings of one class that put out tokens, by their parent and class, in order of execution."""
    modules = dict(network.module.named_modules())
    runs: dict[tuple[str, type], list[str]] = {}
    for name, output in outline(network).items():
        if output.layout == "tokens" and any(True for _ in modules[name].children()):
            runs.setdefault((_parent(name), type(modules[name])), []).append(name)
    return runs


def _deepest_with_gradient(network: Network, end: str, blocks: Sequence[str]) -> str:
    """The deepest layer whose patch tokens have a gradient: `end`, or one of the last of the `blocks` before it.

    Behind the last attention a network that reads its class token alone gives the patches none: there it is the norm in
    front of that attention, the usual choice (jacobgil/pytorch-grad-cam), else the block before. Where the block holds
    branches (CrossViT), it is the deepest norm by how many layers lie before it, of two as deep that of fewer cells.
    """
    last = blocks[-1]
    outputs, graph = outline(network), graph_of(network)
    modules = dict(network.module.named_modules())
    norms = [
        n
        for n, output in outputs.items()
        if n.startswith(f"{last}.") and "norm" in type(modules[n]).__name__.lower() and output.side
    ]
    own = [n for n in norms if _parent(n) == last]
    branches = sorted(
        (n for n in norms if n in graph.alive), key=lambda n: (-len(graph.before[n]), prod(outputs[n].grid))
    )
    candidates = dict.fromkeys([end, last, *reversed(own), *branches[:1], *blocks[-2:-1]])
    return next((n for n in candidates if n in graph.alive), end)


def _parent(name: str) -> str:
    return name.rpartition(".")[0]

"""Names for a network's stages, shallow to deep, found by running it once: `stage1` ... `stage5`, `last`.

The trunk is the list of a network's units in the order they run. A stage is the last unit at each resolution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from wsol.errors import LayerError, unknown
from wsol.models.blocks import block_stages, with_gradient
from wsol.models.depth import graph_of
from wsol.models.forward import INPUT
from wsol.models.outline import Output, outline

if TYPE_CHECKING:
    from torch import nn

    from wsol.models.network import Network

SAME_STAGE = (
    0.75  # a side above this share of the stage's first is not a new stage: unpadded convolutions cut an edge off
)
NOT_UNITS = re.compile(
    r"pool|blur|dropout|droppath|identity|flatten|permute", re.IGNORECASE
)  # nothing computed, or resampled

_stages: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], Mapping[str, str]]] = WeakKeyDictionary()


def stages(network: Network) -> dict[str, str]:
    """Stage name to dotted module name, shallow to deep: ``{"stage1": "features.3", ..., "stage5": "features.29"}``.

    Convolutional networks: the last unit at each resolution that is neither a pooling nor a map of classes. Networks
    that name their own (`stage1`, `stage2`, ...) keep them. Transformers at one resolution: five blocks spread over the
    depth, the last one replaced by the deepest layer whose patch tokens have a gradient.
    """
    known = _stages.setdefault(network.module, {})
    shape = tuple(network.example.shape)
    if shape not in known:
        names = _own_names(network) or block_stages(network) or _resolution_stages(network)
        names = [*names[:-1], _with_gradient(network, names[-1])] if names else []
        known[shape] = {f"stage{i}": name for i, name in enumerate(names, start=1)}
    return dict(known[shape])


def resolve_layer(network: Network, name: str) -> str:
    """The dotted module name of ``stage3``, ``last``, ``input`` or a dotted name.

    A number below zero counts from the end: ``blocks.-1.norm1``.

    Raises
    ------
    LayerError : no such layer (nearest one given), or it has no spatial output.
    """
    if name == INPUT:
        return INPUT
    presets = stages(network)
    if name == "last" and presets:
        return list(presets.values())[-1]
    if name in presets:
        return presets[name]
    if name == "last":
        raise LayerError(
            f"no stage of {network.name} has an output of the input's proportions, so there is no last one; name a "
            "layer, for example one of model.named_modules(), and where it was quantized or scripted, give the network "
            f"as it was before. See: wsol list layers model={network.name}"
        )
    dotted = _from_the_end(network.module, name)
    outputs = outline(network)
    modules = dict(network.module.named_modules())
    see = f"wsol list layers model={network.name}"
    if not dotted or dotted not in modules:
        spatial = [n for n, output in outputs.items() if output.layout != "none"]
        if re.fullmatch(r"stage\d+", name) and presets:
            see = f"{see} (stages: {', '.join(presets)})"
        raise unknown(f"layer of {network.name}", name, [*presets, *spatial, INPUT], see=see, error=LayerError)
    if dotted not in outputs:
        raise LayerError(f"layer {name!r} of {network.name} is never run on its own; choose another. See: {see}")
    if outputs[dotted].out_of_order:
        raise LayerError(
            f"layer {name!r} of {network.name} has the shape of a grid {outputs[dotted].shape}, but where the input "
            "changes, other cells change: its tokens are in another order (units, windows, a mirrored image), or it is "
            f"attention between tokens; choose another. See: {see}"
        )
    if outputs[dotted].layout == "none":
        shape = f"its shape is {outputs[dotted].shape}"
        raise LayerError(
            f"layer {name!r} of {network.name} has no spatial output ({shape}); choose another. See: {see}"
        )
    return dotted


def list_layers(network: Network) -> list[tuple[str, str, tuple[int, ...]]]:
    """Every layer of more than one cell, as (dotted name, its stage or "", (K, *grid)), in the order of the modules."""
    outputs = outline(network)
    presets = {module: stage for stage, module in stages(network).items()}
    names = [name for name, _ in network.module.named_modules() if name in outputs and outputs[name].side > 1]
    return [(name, presets.get(name, ""), (outputs[name].channels, *outputs[name].grid)) for name in names]


def _own_names(network: Network) -> list[str]:
    """`stage1` to `stageN`, N > 2, where the network's own children are called so."""
    outputs = outline(network)
    names: list[str] = []
    while (name := f"stage{len(names) + 1}") in outputs and outputs[name].side > 1:
        names.append(name)
    return names if len(names) > 2 else []


def _resolution_stages(network: Network) -> list[str]:
    """The last unit at each resolution."""
    units = _trunk(network, _units(network.module, "", outline(network), network.example.shape[-1]))
    ends: list[Output] = []
    first_side = 0
    for unit in units:
        if ends and unit.side > SAME_STAGE * first_side:
            ends[-1] = unit
        else:
            ends.append(unit)
            first_side = unit.side
    names = [unit.name for unit in ends]
    return [*names[:-1], with_gradient(network, names[-1])] if names else []


def _trunk(network: Network, units: list[Output]) -> list[Output]:
    """The units up to the deepest one with a gradient that it is computed from: no side branch, no auxiliary head."""
    graph, outputs = graph_of(network), outline(network)

    def lives(unit: Output) -> bool:
        """Whether a gradient arrives at it, or inside it: behind its last attention only a class token may be read."""
        inside = (n for n in graph.alive if n.startswith(f"{unit.name}.") and outputs[n].grid == unit.grid)
        return unit.name in graph.alive or any(inside)

    alive = [unit for unit in units if lives(unit)]
    if not alive:
        return units  # nothing is known: the network has no gradients
    names = {unit.name for unit in units}
    end = max(reversed(alive), key=lambda unit: len(graph.before[unit.name] & names))
    before = graph.before[end.name]
    return [unit for unit in units if unit is end or unit.name in before or unit.name not in graph.before]


def _with_gradient(network: Network, last: str) -> str:
    """`last`, or where no gradient arrives at it, the deepest layer of more than one cell at which one does."""
    graph, outputs = graph_of(network), outline(network)
    alive = [name for name in outputs if name in graph.alive and outputs[name].side > 1]
    if last in alive or not alive:
        return last
    return max(reversed(alive), key=lambda name: len(graph.before[name]))


def _units(module: nn.Module, prefix: str, outputs: Mapping[str, Output], side_in: int) -> list[Output]:
    """Spatial outputs of a module's parts in order of execution; a part of several stages gives its own parts."""
    units: list[Output] = []
    for name, part in _parts(module, prefix, outputs):
        output = outputs[name]
        if output.is_class_map or _spans(part, name, outputs, side_in):
            units += _units(part, name, outputs, side_in)  # of a head, the layers in front of its map of classes
        elif output.side > 1 and not _resamples(part) and not _ends_trunk(part, units, output):
            units.append(output)
        if units:
            side_in = units[-1].side
    return units


def _spans(part: nn.Module, name: str, outputs: Mapping[str, Output], side_in: int) -> bool:
    """Whether a part is a container of several stages, not a unit of one.

    A block or a transition that halves its input reaches one new resolution; a trunk reaches more, or ends in a pool.
    """
    inner = _parts(part, name, outputs)
    if not inner:
        return False
    if outputs[name].side < 2 or (type(part) is torch.nn.Sequential and _resamples(inner[-1][1])):
        return True
    if len(inner) == 1:
        return _spans(inner[0][1], inner[0][0], outputs, side_in)
    sides: list[int] = []  # those within SAME_STAGE of each other count once
    for side in sorted({outputs[n].side for n, p in inner if not _resamples(p)}, reverse=True):
        if 1 < side <= SAME_STAGE * (sides[-1] if sides else side_in):
            sides.append(side)
    return len(sides) > 1


def _parts(module: nn.Module, prefix: str, outputs: Mapping[str, Output]) -> list[tuple[str, nn.Module]]:
    """(dotted name, module) of the parts that ran, in order of execution; parts of mere lists count as its own."""
    order = {name: place for place, name in enumerate(outputs)}
    parts: list[tuple[str, nn.Module]] = []
    for key, part in module.named_children():
        name = f"{prefix}.{key}" if prefix else key
        if name in outputs:
            parts.append((name, part))
        else:
            parts += _parts(part, name, outputs)
    return sorted(parts, key=lambda item: order[item[0]])


def _resamples(part: nn.Module) -> bool:
    return bool(NOT_UNITS.search(type(part).__name__))


def _ends_trunk(part: nn.Module, units: Sequence[Output], output: Output) -> bool:
    """A LayerNorm behind a stage of channels-last blocks: part of the head, as in Swin."""
    return bool(units) and type(part).__name__.startswith("LayerNorm") and output.layout == "channels_last"


def _from_the_end(module: nn.Module, name: str) -> str:
    """`blocks.-1.norm1` to `blocks.11.norm1`; other names as they are."""
    path: list[str] = []
    for part in name.split("."):
        if re.fullmatch(r"-\d+", part):
            try:
                parts = list(module.get_submodule(".".join(path)).named_children())
                part = parts[int(part)][0]
            except (AttributeError, IndexError):
                return name
        path.append(part)
    return ".".join(path)

"""What every module of a network puts out, from one forward over an example: names, order, shapes and layouts.

Stages, grids and `wsol list layers` are read off this, so no architecture needs a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import torch

from wsol.errors import ModelError
from wsol.models.network import can_hook, evaluating, first_of, running, space_of
from wsol.models.probe import order, probes
from wsol.models.units import stated_order

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol.models.network import Network

Layout = Literal["channels_first", "channels_last", "tokens", "none"]
Reading = tuple[Layout, int, tuple[int, ...], int]  # layout, K, grid, tokens in front of it
NOTHING: Reading = ("none", 0, (), 0)
MAX_PREFIX = 16  # class, distillation and register tokens in front of the grid; timm's largest is 1 + 8


@dataclass(frozen=True, slots=True)
class Output:
    """What one module puts out for one image.

    Attributes
    ----------
    name : dotted module name.
    shape : of the tensor; of its first part where the module returns several.
    layout : where the axes of space are; ``none`` where there are none.
    channels, grid : K, and the sizes of the axes of space (height and width); 0 and () for ``none``.
    prefix : tokens in front of the grid.
    is_class_map : its average or maximum (of its ReLU) is the logits, or it is a linear layer to the classes behind
        which nothing has space: a head that classifies first and pools then.
    is_first : the module returns several tensors, of which this is the first, in a tuple, list or mapping.
    out_of_order : it has the shape of a grid, but a change of the input shows in other cells; its layout is ``none``.
    cells : for each cell of the grid, row by row, the place of its token, where the network states another order.
    """

    name: str
    shape: tuple[int, ...]
    layout: Layout
    channels: int
    grid: tuple[int, ...]
    prefix: int
    is_class_map: bool
    is_first: bool = False
    out_of_order: bool = False
    cells: tuple[int, ...] = ()

    @property
    def reading(self) -> Reading:
        """Layout, K, grid and tokens in front of it."""
        return self.layout, self.channels, self.grid, self.prefix

    @property
    def side(self) -> int:
        """The last axis of space; 0 where there is none."""
        return self.grid[-1] if self.grid else 0


_seen: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], Mapping[str, Output]]] = WeakKeyDictionary()


def outline(network: Network) -> Mapping[str, Output]:
    """By module name, in order of execution (the last one, for modules that run more than once).

    Modules that did not run or put out no tensor are left out. The answer is kept as long as the network lives.
    """
    known = _seen.setdefault(network.module, {})
    shape = tuple(network.example.shape)
    if shape not in known:
        known[shape] = _trace(network.module, network.example)
    return known[shape]


def is_grid(sizes: tuple[int, ...], space: tuple[int, ...]) -> bool:
    """Whether `sizes` can be an input of `space` at a lower resolution: the same proportions, to within one cell.

    Time or depth, in front of height and width, may be divided by another number.
    """
    if len(sizes) != len(space) or min(sizes, default=0) < 1:
        return False
    sizes, space = sizes[-2:], space[-2:]
    if len(set(space)) == 1:
        return len(set(sizes)) == 1
    low = max((size - 1) / whole for size, whole in zip(sizes, space, strict=True))
    return low < min((size + 1) / whole for size, whole in zip(sizes, space, strict=True))


def readings(
    shape: tuple[int, ...], space: tuple[int, ...], grids: tuple[tuple[int, ...], ...], prefixes: Sequence[int] = ()
) -> Iterator[Reading]:
    """All that the shape of an output for one image, (1, ...), can mean, the likeliest first.

    Parameters
    ----------
    space : the input's, behind its channels. Channels are where the other axes have its proportions; in front of them
        if both readings do.
    grids : those seen before it. (1, T, D) is tokens where T is the number of cells of one, plus a few in front.
    prefixes : how many tokens stood in front of those grids, for attention that halves its own grid.
    """
    if len(shape) == len(space) + 2 and shape[0] == 1:
        if is_grid(shape[2:], space):
            yield "channels_first", shape[1], shape[2:], 0
        if is_grid(shape[1:-1], space):
            yield "channels_last", shape[-1], shape[1:-1], 0
    if len(shape) == 3 and shape[0] == 1:
        for grid in sorted(set(grids), key=prod, reverse=True):
            prefix = shape[1] - prod(grid)
            if 0 <= prefix <= MAX_PREFIX and prod(grid) > 1:
                yield "tokens", shape[2], grid, prefix
        for prefix in sorted({0, *prefixes}):
            grid = min(grids, key=prod, default=())
            while prod(grid) > max(1, shape[1] - prefix):  # attention that halves its own grid (LeViT, PiT)
                grid = tuple(-(-size // 2) for size in grid)
                if prod(grid) == shape[1] - prefix > 1:
                    yield "tokens", shape[2], grid, prefix


def _unseen_grids(shape: tuple[int, ...], space: tuple[int, ...]) -> Iterator[Reading]:
    """Tokens of a grid that no image-like output had: those of a linear patch embedding."""
    if len(shape) != 3 or shape[0] != 1 or len(space) != 2:
        return
    for prefix in range(min(MAX_PREFIX + 1, shape[1])):
        cells = shape[1] - prefix
        for height in range(2, cells // 2 + 1):
            if cells % height == 0 and is_grid((height, cells // height), space):
                yield "tokens", shape[2], (height, cells // height), prefix


def _trace(module: nn.Module, example: Tensor) -> Mapping[str, Output]:
    """With what changes show of each output; without where a network takes one image at a time."""
    try:
        return _traced(module, probes(example))
    except ModelError:
        return _traced(module, example)


def _traced(module: nn.Module, images: Tensor) -> Mapping[str, Output]:
    outputs: dict[str, Output] = {}
    pooled: dict[str, list[Tensor]] = {}
    grids: list[tuple[int, ...]] = []
    prefixes: list[int] = []
    space = space_of(images)
    count = len(images)

    def read(first: Tensor, shape: tuple[int, ...]) -> tuple[Reading, bool]:
        """What an output means, and whether it has a shape of cells that are not where the input's are."""
        known = list(dict.fromkeys(readings(shape, space, tuple(grids), prefixes)))
        if count == 1 or len(first) != count:
            return (known[0] if known else NOTHING), False
        orders = {reading: order(unfolded(first, reading)) for reading in known}
        if len(known) > 1 and any(o.kept for o in orders.values()):
            return max(known, key=lambda r: orders[r].own), False
        if known and not orders[known[0]].broken:
            return known[0], False
        unseen = {reading: order(unfolded(first, reading)) for reading in _unseen_grids(shape, space)}
        shown = [reading for reading, found in unseen.items() if found.kept]
        if shown:
            return max(shown, key=lambda r: unseen[r].own), False
        return NOTHING, bool(known)

    def keep(name: str) -> Any:
        def hook(part: nn.Module, args: Any, output: Any) -> None:
            first = first_of(output)
            if first is None or first.is_quantized or not first.is_floating_point():
                return
            whole = len(first) // count if first.ndim and len(first) % count == 0 else 1
            shape = (whole, *first.shape[1:]) if first.ndim else ()
            (layout, channels, grid, prefix), out_of_order = read(first, shape)
            cells: tuple[int, ...] = ()
            if len(shape) == 3 and (stated := stated_order(module, shape[1])):
                sizes, places = stated
                reading: Reading = ("tokens", shape[2], sizes, 0)
                if not order(unfolded(first[:, list(places)], reading)).broken:
                    (layout, channels, grid, prefix), out_of_order, cells = reading, False, places
            pooled.pop(name, None)
            if layout == "channels_first":
                axes = tuple(range(2, first.ndim))
                # Taken now: an in-place ReLU behind this module would change it.
                pooled[name] = [first.mean(axes), first.relu().mean(axes), first.amax(axes)]
            if layout in ("channels_first", "tokens"):
                grids.append(grid)
            if layout == "tokens":
                prefixes.append(prefix)
            outputs.pop(name, None)  # so that the last run decides the order
            outputs[name] = Output(
                name, shape, layout, channels, grid, prefix, False, first is not output, out_of_order, cells
            )

        return hook

    handles = [
        part.register_forward_hook(keep(name)) for name, part in module.named_modules() if name and can_hook(part)
    ]
    try:
        with evaluating(module), torch.no_grad(), running(module, images):
            logits = module(images)
    finally:
        for handle in handles:
            handle.remove()
    for name, candidates in pooled.items():
        if isinstance(logits, torch.Tensor) and any(
            c.shape == logits.shape and torch.allclose(c, logits, rtol=1e-4, atol=1e-6) for c in candidates
        ):
            outputs[name] = replace(outputs[name], is_class_map=True)
    if isinstance(logits, torch.Tensor):
        for name in _final_linear(module, outputs, logits.shape[-1]):
            outputs[name] = replace(outputs[name], is_class_map=True)
    return outputs


def unfolded(tensor: Tensor, reading: Reading) -> Tensor:
    """An output as (B, K, *grid)."""
    layout, _, grid, prefix = reading
    if layout == "channels_first":
        return tensor
    if layout == "channels_last":
        return tensor.movedim(-1, 1)
    tokens = tensor[:, prefix:].transpose(1, 2)
    return tokens.reshape(*tokens.shape[:2], *grid)


def _final_linear(module: nn.Module, outputs: Mapping[str, Output], classes: int) -> Iterator[str]:
    """Linear layers and convolutions to the classes, behind which no other module's output has space."""
    for name, output in reversed(list(outputs.items())):
        part = module.get_submodule(name)
        if output.layout == "none":
            if isinstance(part, torch.nn.Linear):
                return  # the classes come from what was pooled
            continue
        if not isinstance(part, torch.nn.Linear | torch.nn.Conv2d) or output.channels != classes:
            return
        yield name

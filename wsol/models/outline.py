"""What every module of a network puts out, from one forward over noise: names, order, shapes and layouts.

Stages, grids and `wsol list layers` are read off this, so no architecture needs a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol.models.classifier import Classifier

Layout = Literal["nchw", "nhwc", "tokens", "none"]
MAX_PREFIX = 16  # class, distillation and register tokens in front of the grid; timm's largest is 1 + 8


@dataclass(frozen=True, slots=True)
class Output:
    """What one module puts out for one image.

    Attributes
    ----------
    name : dotted module name.
    shape : of the tensor; of its first part where the module returns several.
    layout : where rows and columns are; ``none`` where there are none.
    khw : channels, height and width; zeros for ``none``.
    prefix : tokens in front of the grid.
    is_class_map : its average or maximum (of its ReLU) is the logits: a head that classifies first and pools then.
    """

    name: str
    shape: tuple[int, ...]
    layout: Layout
    khw: tuple[int, int, int]
    prefix: int
    is_class_map: bool

    @property
    def side(self) -> int:
        return self.khw[1]


_seen: WeakKeyDictionary[nn.Module, dict[int, Mapping[str, Output]]] = WeakKeyDictionary()


def outline(classifier: Classifier) -> Mapping[str, Output]:
    """By module name, in order of execution (the last one, for modules that run more than once).

    Modules that did not run or put out no tensor are left out. The answer is kept as long as the network lives.
    """
    known = _seen.setdefault(classifier.module, {})
    if classifier.input_size not in known:
        known[classifier.input_size] = _trace(classifier.module, classifier.input_size)
    return known[classifier.input_size]


def layout_of(shape: tuple[int, ...], seen_sides: tuple[int, ...]) -> tuple[Layout, tuple[int, int, int], int]:
    """Layout, (K, H, W) and number of prefix tokens of one image's output, given the square grids seen before it.

    Inputs are square, so (1, a, b, b) is NCHW and (1, a, a, b) NHWC. (1, T, D) is tokens where T is the size of a grid
    seen as an image before, plus a few in front.
    """
    if len(shape) == 4 and shape[0] == 1:
        _, a, b, c = shape
        if b == c:
            return "nchw", (a, b, c), 0
        if a == b:
            return "nhwc", (c, a, b), 0
    if len(shape) == 3 and shape[0] == 1:
        for side in sorted(seen_sides, reverse=True):
            prefix = shape[1] - side * side
            if 0 <= prefix <= MAX_PREFIX and side > 1:
                return "tokens", (shape[2], side, side), prefix
    return "none", (0, 0, 0), 0


def _trace(module: nn.Module, side: int) -> Mapping[str, Output]:
    outputs: dict[str, Output] = {}
    pooled: dict[str, list[Tensor]] = {}
    sides: list[int] = []

    def keep(name: str) -> Any:
        def hook(part: nn.Module, args: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple | list) and output else output
            if not isinstance(first, torch.Tensor):
                return
            layout, khw, prefix = layout_of(tuple(first.shape), tuple(sides))
            if layout == "nchw":
                sides.append(khw[1])
                # Taken now: an in-place ReLU behind this module would change it.
                pooled[name] = [first.mean((2, 3)), first.relu().mean((2, 3)), first.amax((2, 3))]
            outputs.pop(name, None)  # so that the last run decides the order
            outputs[name] = Output(name, tuple(first.shape), layout, khw, prefix, False)

        return hook

    weight = next(module.parameters(), torch.zeros(()))
    noise = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    modes = {part: part.training for part in module.modules()}
    handles = [part.register_forward_hook(keep(name)) for name, part in module.named_modules() if name]
    try:
        module.eval()
        with torch.no_grad():
            logits = module(noise.to(weight.device, weight.dtype))
    finally:
        for handle in handles:
            handle.remove()
        for part, mode in modes.items():
            part.training = mode
    for name, candidates in pooled.items():
        if any(c.shape == logits.shape and torch.allclose(c, logits, rtol=1e-4, atol=1e-6) for c in candidates):
            old = outputs[name]
            outputs[name] = Output(name, old.shape, old.layout, old.khw, old.prefix, True)
    return outputs

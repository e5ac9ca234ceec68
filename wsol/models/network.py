"""What can be traced: a network and one example of its input. Every channel count, shape and number of axes follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from wsol.errors import ModelError, WsolError, first_line
from wsol.models.memory import out_of_memory

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor, nn


class Network(Protocol):
    """A network, what to call it in messages, one example of its input, (1, C, *space), and what is black in it.

    `black` is by channel, in normalized values; None where the normalization is not known.
    """

    @property
    def name(self) -> str: ...

    @property
    def module(self) -> nn.Module: ...

    @property
    def example(self) -> Tensor: ...

    @property
    def black(self) -> Sequence[float] | None: ...


@dataclass(frozen=True, eq=False)
class AnyNetwork:
    """A network that nothing else is known of; see `Network`."""

    module: nn.Module
    example: Tensor
    black: Sequence[float] | None = None

    @property
    def name(self) -> str:
        return type(self.module).__name__


def noise(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Seeded noise of a shape, on the device and in the type of the network's weights."""
    weight = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(weight.device, weight.dtype)


def space_of(tensor: Tensor) -> tuple[int, ...]:
    """The sizes behind batch and channels."""
    return tuple(tensor.shape[2:])


def first_of(output: Any) -> Any:
    """The first tensor of what a module returns: itself, or of a tuple, list, mapping or dataclass (of any depth)."""
    if isinstance(output, torch.Tensor):
        return output
    parts: Any = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    if not isinstance(output, Mapping | type) and is_dataclass(output):  # those of transformers are mappings, too
        parts = (getattr(output, part.name) for part in fields(output))
    return next((first for first in map(first_of, parts) if isinstance(first, torch.Tensor)), None)


def with_first(output: Any, tensor: Tensor) -> Any:
    """What a module returns with another first tensor, in the type it had: a namedtuple stays one."""
    changed: Any
    if isinstance(output, torch.Tensor):
        return tensor
    if isinstance(output, Mapping):
        key = next(key for key, part in output.items() if first_of(part) is not None)
        changed = copy(output)
        changed[key] = with_first(output[key], tensor)
        return changed
    if is_dataclass(output):
        name = next(part.name for part in fields(output) if first_of(getattr(output, part.name)) is not None)
        changed = copy(output)
        object.__setattr__(changed, name, with_first(getattr(output, name), tensor))  # frozen ones, too
        return changed
    place = next(place for place, part in enumerate(output) if first_of(part) is not None)
    parts = [*output[:place], with_first(output[place], tensor), *output[place + 1 :]]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)


def can_hook(part: nn.Module) -> bool:
    """Whether a part can be seen: a scripted one takes no hooks."""
    return not isinstance(part, torch.jit.ScriptModule)


def check_hooks(model: nn.Module) -> None:
    """Raises ModelError for a network whose parts can't be seen: scripted, traced or exported ones."""
    exported = isinstance(model, torch.fx.GraphModule) and not any(
        node.op == "call_module" and not str(node.target).startswith("_") for node in model.graph.nodes
    )
    if exported or not can_hook(model):
        what = "exported" if exported else "scripted or traced"
        raise ModelError(
            f"{type(model).__name__} is a network that was {what}, and its layers can't be seen; give the network it "
            "was made from, with the same weights"
        )


def zeros_filled(module: nn.Module) -> dict[str, Tensor]:
    """By name, seeded noise in place of each parameter that is all zeros, for `torch.func.functional_call`.

    Untrained transformers have a head of zeros, through which nothing has a gradient.
    """
    draw = torch.Generator().manual_seed(0)
    zeros = {name: value for name, value in module.named_parameters() if not bool(value.detach().any())}
    return {name: torch.randn(value.shape, generator=draw).to(value) for name, value in zeros.items()}


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Weights without gradients for the length of a block: a graph then starts at what is captured."""
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise ModelError(
            f"the weights of {type(model).__name__} were made under torch.inference_mode, so nothing behind them has a "
            "gradient; build or load the network outside of it"
        )
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode for the length of a block: in train mode batch norm mixes images and dropout draws numbers."""
    training = [module for module in model.modules() if getattr(module, "training", False)]  # frozen scripts have none
    compiled = any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) for m in model.modules())
    if compiled and not hasattr(torch.compiler, "set_stance"):
        raise ModelError("networks of torch.compile need torch 2.6 or newer; give the network it was made from")
    for module in training:
        module.training = False
    try:
        # Compiled parts run as they were written: inside compiled code no hook runs.
        with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
            yield
    finally:
        for module in training:
            module.training = True


def plain_attention() -> AbstractContextManager[None]:
    """A block whose attention takes the plain kernel, the only one with second derivatives."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    kernel: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return kernel


@contextmanager
def running(model: nn.Module, images: Tensor) -> Iterator[None]:
    """A block whose errors are the network's own: a ModelError says that it does not take these `images`."""
    try:
        yield
    except WsolError:
        raise
    except Exception as error:  # networks refuse a size by assertions, by shapes that don't fit, by errors of their own
        if out_of_memory(error):
            raise
        raise ModelError(
            f"{type(model).__name__} can't run on images of shape {tuple(images.shape)} ({first_line(error)}); give it "
            f"the shape it was made for{', one image as a batch of one, images[None]' if images.ndim == 3 else ''}"
        ) from error

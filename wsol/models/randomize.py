"""Randomize a network layer by layer from its head down, for as long as a block lasts (Adebayo et al., 2018).

A map that stays as good on random weights shows edges, not what the network has learned.

>>> with randomized(model, layers=3, seed=0) as names:      # doctest: +SKIP
...     maps = method(model)        # the three layers nearest to the head are random
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from wsol.errors import ConfigError
from wsol.seeding import numpy_generator

if TYPE_CHECKING:
    from torch import Tensor, nn


def layers_from_head(model: nn.Module) -> tuple[str, ...]:
    """Names of the modules that own parameters themselves, from the head down.

    The order is the reverse of their registration, which is the reverse of the forward pass in all networks that are
    written in reading order; a module that several places share appears once.
    """
    owners = [name for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))]
    return tuple(reversed(owners))


@contextmanager
def randomized(
    model: nn.Module, *, layers: int | None = None, seed: int = 0, keep: bool = False
) -> Iterator[tuple[str, ...]]:
    """Replace parameters in place; yields the names of the randomized layers. All is as before when the block ends.

    Each parameter is drawn from a normal distribution of its own mean and deviation, so that activations keep their
    scale; one of equal values stays as it is. Its numbers come from (seed, its name) alone, so one layer more keeps
    what the others drew: a cascade. Running statistics and other buffers stay.

    Parameters
    ----------
    layers : how many layers from the head down; None for all.
    keep : hold what is drawn for the next block with this seed, as long as nothing else changes the parameters.

    Raises
    ------
    ConfigError : a number of layers the network doesn't have.
    """
    names = layers_from_head(model)
    if layers is not None and not 0 <= layers <= len(names):
        raise ConfigError(f"layers={layers}: the network has {len(names)} layers with weights; give 0 to that many")
    names = names[:layers]
    held = _held.setdefault(model, {}) if keep else {}
    kept: list[tuple[Tensor, Tensor]] = []
    drawn: dict[str, tuple[Tensor, Tensor]] = {}
    try:
        with torch.no_grad():
            for name in names:
                for part, parameter in model.get_submodule(name).named_parameters(recurse=False):
                    key = f"{name}.{part}"
                    version, values = held.get((key, seed), (-1, parameter))
                    if version != parameter._version:
                        values = _drawn(parameter, key, seed=seed)
                    drawn[key] = parameter, values
                    kept.append((parameter, parameter.detach().clone()))
                    parameter.copy_(values)
        yield names
    finally:
        with torch.no_grad():
            for owner, before in reversed(kept):  # a tied parameter was drawn twice; its first copy is the trained one
                owner.copy_(before)
        held |= {(key, seed): (owner._version, values) for key, (owner, values) in drawn.items()}


def _drawn(parameter: Tensor, name: str, *, seed: int) -> Tensor:
    values = parameter.detach().double().cpu().numpy()
    drawn = numpy_generator(seed, name).normal(values.mean(), values.std(), values.shape)
    return torch.as_tensor(drawn, dtype=parameter.dtype, device=parameter.device)


# of networks, what was drawn by (parameter, seed), and the parameter's version when it had its own values again
_held: WeakKeyDictionary[nn.Module, dict[tuple[str, int], tuple[int, Tensor]]] = WeakKeyDictionary()

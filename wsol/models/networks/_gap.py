"""What the networks of Choe et al. (CVPR 2020) share: grids, heads, the first weights, and whose backbone fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import torch

from wsol.errors import ConfigError, ModelError, unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

HEADS = ("acol", "spg", "adl")


@runtime_checkable
class Pretrained(Protocol):
    """A network whose first layers are those of another one."""

    def backbone_keys(self) -> Mapping[str, str]:
        """Layers and parameters here to the names that the same ones have in the other network."""


def check_grid(name: str, grid: int, grids: tuple[int, int] = (14, 28), side: int = 224) -> None:
    """Raises ConfigError where the last map would not have one of two sizes."""
    if grid not in grids:
        raise ConfigError(
            f"model.grid={grid}: the last map of {name} has {grids[0]} or {grids[1]} cells a side at {side} pixels"
        )


def check_head(name: str, head: str | None) -> None:
    """Raises ConfigError for a head that is not one of `HEADS`; None is the plain network."""
    if head is not None and head not in HEADS:
        raise unknown(f"head of {name}", head, HEADS, error=ConfigError)


def initialize(network: nn.Module, convolutions: Literal["he", "xavier"]) -> None:
    """Draw all weights as clovaai/wsolevaluation does.

    Convolutions are drawn from He et al.'s normal distribution over the outputs, or Glorot's uniform one; linear layers
    from a normal one with deviation 0.01; biases are 0, batch norm is the identity.
    """
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            if convolutions == "he":
                torch.nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            else:
                torch.nn.init.xavier_uniform_(part.weight)
        elif isinstance(part, torch.nn.Linear):
            torch.nn.init.normal_(part.weight, 0, 0.01)
        elif isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(part.weight)
        else:
            continue
        if part.bias is not None:
            torch.nn.init.zeros_(part.bias)


def load_backbone(network: nn.Module, state: Mapping[str, Tensor], *, path: str) -> list[str]:
    """Give the first layers of a network the weights of the one it is built on; the names of its own that were set.

    Parameters
    ----------
    state : by name, of torchvision's network (for `shapes_vgg_gap`, of `shapes_vgg`), read from `path`.

    Raises
    ------
    ModelError : a network that is built on no other, or weights that lack one of its layers or have another shape.
    """
    if not isinstance(network, Pretrained):
        raise ModelError(f"{type(network).__name__} is built on no other network, so {path} can't be its backbone")
    own = network.state_dict()
    chosen: dict[str, Tensor] = {}
    for prefix, theirs in network.backbone_keys().items():
        for key in _under(prefix, own):
            other = theirs + key.removeprefix(prefix)
            if other not in state and key.endswith("num_batches_tracked"):
                continue  # files older than BatchNorm's counter lack it
            if other not in state:
                raise ModelError(f"{path} has no {other!r}, the backbone's {key!r}; is it of another network?")
            if state[other].shape != own[key].shape:
                shapes = f"{tuple(state[other].shape)}, and {tuple(own[key].shape)} is needed"
                raise ModelError(f"{path} can't be the backbone: {other!r} is {shapes}")
            chosen[key] = state[other]
    network.load_state_dict(chosen, strict=False)
    return list(chosen)


def _under(prefix: str, keys: Iterable[str]) -> list[str]:
    return [key for key in keys if key == prefix or key.startswith(f"{prefix}.")]

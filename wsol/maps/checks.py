"""Whether a method can take a batch, and whether what it returned can be raw maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from wsol.errors import ConfigError, first_line
from wsol.models.forward import INPUT

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.methods._variants import Variant

ANY_AXES = frozenset({"activations", "gradients", "head"})  # methods that need no more take any number of axes


def failed(inputs: Tensor, error: BaseException) -> tuple[Tensor, dict[int, str]]:
    """No map for any of the inputs, and why."""
    n = len(inputs)
    return inputs.new_full((n, 1, 1), float("nan")), dict.fromkeys(range(n), first_line(error))


def changed_in_place(variant: Variant, what: str) -> ConfigError:
    return ConfigError(
        f"{variant.info.key} changes {what} in place, which all methods use; it was put back, and these maps are not "
        "used: work on a copy, such as layer.activations.clone()"
    )


def check_axes(variant: Variant, inputs: Tensor) -> None:
    """Raises ConfigError for a method of images on inputs of other than two axes of space: videos, volumes, signals."""
    info = variant.info
    if inputs.ndim != 4 and not (info.needs <= ANY_AXES and info.needs and info.layers != INPUT and not info.joint):
        raise ConfigError(
            f"{info.key} works on images, and these inputs have {inputs.ndim - 2} axes of space; for them take a "
            "method that needs activations and gradients alone, such as gradcam, gradcam_pp, xgradcam or layercam"
        )


def checked(maps: Any, n: int, variant: Variant) -> Tensor:
    """What a method returned, if it can be maps of n images."""
    if not isinstance(maps, torch.Tensor) or maps.ndim != 3 or len(maps) != n or not maps.numel():
        given = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise ValueError(f"{variant.info.key} returned {given}; expected raw maps of shape ({n}, h, w)")
    if maps.is_complex():
        raise ValueError(f"{variant.info.key} returned complex numbers; expected real raw maps, such as maps.abs()")
    if maps.layout != torch.strided or maps.is_meta:
        kind = "meta" if maps.is_meta else "sparse"
        raise ValueError(f"{variant.info.key} returned a {kind} tensor; expected raw maps with values")
    return maps

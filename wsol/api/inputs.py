"""Images of a call as network input: a tensor as it is, PIL images resized and normalized as the network wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol.datasets.adapt import as_image
from wsol.datasets.fields import short
from wsol.errors import ConfigError, ModelError
from wsol.models.classifier import Classifier, Color, normalized
from wsol.views import View, view_named

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

SIDE = 224  # pixels; of the input for PIL images where the network does not say another


def as_images(images: Any) -> Tensor | list[Image]:
    """A batch of numbers as a tensor, or PIL images as a list; see `attribute`. Raises ConfigError."""
    from PIL.Image import Image

    if isinstance(images, np.ndarray) and images.dtype != np.uint8:
        images = torch.from_numpy(images)
    if isinstance(images, torch.Tensor):
        if not images.is_floating_point():
            raise ConfigError(
                f"images are {images.dtype}; a network takes normalized floats: give these, or PIL images or uint8 "
                "arrays (h, w, 3) in a list, which are normalized"
            )
        return images
    if isinstance(images, torch.utils.data.DataLoader):
        raise ConfigError("images is a DataLoader; call attribute for each of its batches")
    several = [images] if isinstance(images, Image) or getattr(images, "ndim", 0) == 3 else list(images)
    if not several:
        raise ConfigError("images is empty; expected a (B, channels, *space) tensor or PIL images")
    if any(isinstance(one, torch.Tensor) for one in several):
        raise ConfigError("images is a list of tensors; give torch.stack(images), or call attribute for each size")
    return [as_image(one, where=f"image {place}") for place, one in enumerate(several)]


def as_deviation(value: float | Sequence[float] | None) -> Color | None:
    """As `as_color`, of positive numbers, by which is divided."""
    color = as_color(value)
    if color is not None and min(color) <= 0:
        raise ConfigError(f"std={short(value)}: a deviation is above 0")
    return color


def as_color(value: float | Sequence[float] | None) -> Color | None:
    """Three numbers of one or three, for red, green and blue. Raises ConfigError."""
    if value is None:
        return None
    try:
        numbers = [float(one) for one in np.ravel(np.asarray(value, float))]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{short(value)} is not a normalization; expected a number, or three") from error
    if not np.isfinite(numbers).all():
        raise ConfigError(f"a normalization of {short(value)}; expected finite numbers")
    if len(numbers) not in (1, 3):
        raise ConfigError(f"{len(numbers)} numbers of a normalization; expected one, or three for red, green and blue")
    red, green, blue = numbers * (3 // len(numbers))
    return red, green, blue


def check_device(module: nn.Module) -> None:
    """Raises ModelError for a network without values, or on a device without float64, in which methods sum."""
    weight = next(iter(module.parameters()), None)
    if weight is None:
        return
    name, device = type(module).__name__, weight.device
    if device.type == "meta":
        raise ModelError(f"{name} is on the device meta, where weights have no values; load them first")
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except TypeError as error:  # Apple's mps
        raise ModelError(
            f"{name} is on {device}, which has no float64, in which methods sum; give model.cpu()"
        ) from error


def inputs_of(
    module: nn.Module,
    images: Tensor | list[Image],
    known: Classifier | None,
    *,
    view: str,
    input_size: int | None,
    mean: Color | None,
    std: Color | None,
) -> tuple[Tensor, Sequence[tuple[int, int]], View | None]:
    """The batch on the network's device and in its type; sizes and view where it was made from PIL images."""
    weight = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    if isinstance(images, torch.Tensor):
        if images.ndim < 3:
            raise ConfigError(f"images of shape {tuple(images.shape)} are not a batch; expected (B, channels, *space)")
        return images.detach().to(weight.device, weight.dtype), (), None
    side = input_size or (known.input_size if known else configured(module, "input_size", SIDE))
    chosen = view_named(view, side)
    assert mean is not None
    assert std is not None
    arrays = []
    for one in images:
        crops = chosen.inputs(one)
        if len(crops) > 1:
            raise ConfigError(f"view={view} makes {len(crops)} inputs per image; attribute takes a view that makes one")
        arrays.append(normalized(crops[0], mean, std))
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ConfigError(f"view={view} gives inputs of {len(shapes)} sizes; call attribute once for each")
    stack = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)
    inputs = stack.to(weight.device, weight.dtype).contiguous(memory_format=torch.channels_last)
    return inputs, [one.size for one in images], chosen


def configured(module: nn.Module, key: str, otherwise: Any) -> Any:
    """What timm says of its network's input."""
    config = getattr(module, "pretrained_cfg", None) or {}
    value = config.get(key, otherwise) if isinstance(config, dict) else otherwise
    return value[-1] if key == "input_size" and isinstance(value, tuple) else value

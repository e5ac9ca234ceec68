"""A classifier: a network, and what must be known to feed it and to name it in rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol.errors import ModelError, WsolError
from wsol.models.network import evaluating, noise

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

Color = tuple[float, float, float]

IMAGENET_MEAN: Color = (0.485, 0.456, 0.406)  # of ImageNet's training set, in [0, 1]; torchvision's weights expect it
IMAGENET_STD: Color = (0.229, 0.224, 0.225)
RANDOM_SEED = 0  # of the weights called `random`: the same network on every run
_seed = ContextVar("seed of random weights", default=RANDOM_SEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A network, and what must be known to feed it.

    Attributes
    ----------
    module : (B, 3, h, w) normalized images to (B, num_classes) logits.
    input_size : side of the square input in pixels.
    mean, std : of the normalization, for pixels in [0, 1].
    weights_id : where the weights are from, and 12 hex digits of a hash of them: ``IMAGENET1K_V2:0c3a...``.
    class_names : by class index; empty where nobody knows.
    """

    name: str
    module: nn.Module = field(repr=False)
    num_classes: int
    input_size: int
    mean: Color
    std: Color
    weights_id: str
    class_names: tuple[str, ...] = ()

    def normalized(self, image: Any) -> NDArray[np.float32]:
        """An RGB image as the weights want it, (h, w, 3)."""
        return normalized(image, self.mean, self.std)

    @property
    def black(self) -> Color:
        """A black pixel as `normalized` gives it."""
        return black_pixel(self.mean, self.std)

    @property
    def example(self) -> Tensor:
        """Noise in the shape of one input, (1, 3, h, w)."""
        return noise(self.module, (1, 3, self.input_size, self.input_size))

    @property
    def weights_source(self) -> str:
        """Where the weights are from: ``IMAGENET1K_V2``."""
        return self.weights_id.rpartition(":")[0]

    @property
    def weights_digest(self) -> str:
        """What the weights are, whatever their file is called: ``0c3a...``."""
        return self.weights_id.rpartition(":")[2]


def weights_id(source: str, module: nn.Module) -> str:
    """`source` and 12 hex digits of a sha256 over names, types, shapes and bytes of the sorted state dict."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        plain = value.detach().cpu().contiguous()
        digest.update(f"{key} {plain.dtype} {tuple(plain.shape)};".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy())
    return f"{source}:{digest.hexdigest()[:12]}"


def black_pixel(mean: Color, std: Color) -> Color:
    """Pixels of 0, less the mean, over the deviation."""
    red, green, blue = (-center / spread for center, spread in zip(mean, std, strict=True))
    return red, green, blue


def normalized(image: Any, mean: Color, std: Color) -> NDArray[np.float32]:
    """An RGB image of 0..255 to (h, w, 3), scaled to [0, 1], less the mean, over the deviation."""
    center, spread = np.asarray(mean, np.float32), np.asarray(std, np.float32)
    normalized: NDArray[np.float32] = (np.asarray(image, np.float32) / np.float32(255) - center) / spread
    return normalized


@contextmanager
def seeded() -> Iterator[None]:
    """A block in which torch draws from `RANDOM_SEED`, or that of `drawn_from`; the state outside is untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(_seed.get())
        yield


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """A block in which random weights are those of another seed: where networks are trained from several."""
    token = _seed.set(seed)
    try:
        yield
    finally:
        _seed.reset(token)


def finish(
    name: str,
    module: nn.Module,
    source: str,
    input_size: int,
    mean: Color,
    std: Color,
    class_names: tuple[str, ...] = (),
    *,
    num_classes: int | None = None,
) -> Classifier:
    """A `Classifier` of a network; the number of classes is measured where nobody knows it. Raises ModelError."""
    if num_classes is None:
        weight = next(module.parameters(), torch.zeros(()))
        try:
            with torch.no_grad(), evaluating(module):
                logits = module(torch.zeros((1, 3, input_size, input_size), dtype=weight.dtype, device=weight.device))
        except WsolError:
            raise
        except Exception as error:  # whatever a user's network raises is about its input size, nearly always
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(
                f"{name} can't run on a (1, 3, {input_size}, {input_size}) input ({reason}); for another size give "
                "model.input_size (in Python: input_size=)"
            ) from error
        if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != 1:
            shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise ModelError(f"{name} must return logits of shape (batch, classes), not {shape}")
        num_classes = logits.shape[1]
    names = class_names if len(class_names) == num_classes else ()
    return Classifier(
        name=name,
        module=module,
        num_classes=num_classes,
        input_size=input_size,
        mean=mean,
        std=std,
        weights_id=weights_id(source, module),
        class_names=names,
    )

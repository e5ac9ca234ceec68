"""A classifier ready to be looked at, and the names under which one can be had.

A name is a registered function (`@model`), an embedded network, a torchvision classifier, or `timm/<name>`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import torch

from wsol.errors import ConfigError, ModelError, unknown
from wsol.registry import Registry

if TYPE_CHECKING:
    from torch import nn

Colour = tuple[float, float, float]

IMAGENET_MEAN: Colour = (
    0.485,
    0.456,
    0.406,
)  # of ImageNet's training set, in [0, 1]; what torchvision's weights expect
IMAGENET_STD: Colour = (0.229, 0.224, 0.225)
RANDOM_SEED = 0  # of the weights called `random`: the same network on every run
EMBEDDED = ("shapes_gap", "shapes_vgg")  # wsol.models.shapes_nets


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A network in eval mode, and what must be known to feed it.

    Attributes
    ----------
    module : (B, 3, h, w) normalised images to (B, num_classes) logits.
    input_size : side of the square input in pixels.
    mean, std : of the normalisation, for pixels in [0, 1].
    weights_id : where the weights are from, and 12 hex digits of a hash of them: ``IMAGENET1K_V2:0c3a...``.
    class_names : by class index; empty where nobody knows.
    """

    name: str
    module: nn.Module
    num_classes: int
    input_size: int
    mean: Colour
    std: Colour
    weights_id: str
    class_names: tuple[str, ...] = ()

    @property
    def weights_source(self) -> str:
        """Where the weights are from: ``IMAGENET1K_V2``."""
        return self.weights_id.rpartition(":")[0]

    @property
    def weights_digest(self) -> str:
        """What the weights are, whatever their file is called: ``0c3a...``."""
        return self.weights_id.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Maker:
    """A registered function that makes a network; see `model`."""

    name: str
    source: str
    make: Callable[..., nn.Module | Classifier] = field(repr=False)
    input_size: int
    mean: Colour
    std: Colour
    class_names: tuple[str, ...]


models: Registry[Maker] = Registry("model", "wsol.models")

F = TypeVar("F", bound=Callable[..., object])


def model(
    name: str,
    *,
    input_size: int = 224,
    mean: Colour = IMAGENET_MEAN,
    std: Colour = IMAGENET_STD,
    class_names: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Register a function that returns a network (or a whole `Classifier`) as `name`.

        @model("mynet", input_size=64)
        def mynet(*, num_classes: int = 10) -> nn.Module: ...

    The weights are those the function returns, or a file's (`model.weights=mynet.pth`). It gets `num_classes` if it has
    such a parameter and the number is known.
    """

    def register(make: F) -> F:
        source = f"{make.__module__}.{make.__qualname__}"
        models.add(name, Maker(name, source, make, input_size, mean, std, class_names))  # type: ignore[arg-type]
        return make

    return register


def model_names() -> list[str]:
    """Every name `load_classifier` knows, but those of timm (`timm/<name>`)."""
    from wsol.models import torchvision as torchvision_zoo

    return sorted({*models, *EMBEDDED, *torchvision_zoo.names()})


def load_classifier(
    name: str,
    *,
    weights: str | None = None,
    num_classes: int | None = None,
    input_size: int | None = None,
    device: str = "cpu",
) -> Classifier:
    """The network called `name` with its weights.

    Parameters
    ----------
    weights : ``random`` (seeded), a name the architecture's own library knows (``DEFAULT``, ``IMAGENET1K_V1``), or a
        path to a .pth, .pt or .safetensors file. None is the default: trained weights wherever they exist.
    num_classes, input_size : None takes the checkpoint's, and then the architecture's.

    Raises
    ------
    UnknownName : no such model (nearest one given).
    ModelError : weights that can't be found, read or loaded, or with another number of classes.
    """
    for option, value in (("num_classes", num_classes), ("input_size", input_size)):
        if value is not None and value < 1:
            raise ConfigError(f"model.{option}={value} must be 1 or more")
    if name in EMBEDDED:
        from wsol.models import registered

        made = registered.load_embedded(name, weights=weights, num_classes=num_classes, input_size=input_size)
    elif name.startswith("timm/"):
        from wsol.models import timm as timm_zoo

        made = timm_zoo.load(name, weights=weights, num_classes=num_classes, input_size=input_size)
    elif name in models:
        from wsol.models import registered

        made = registered.load(models[name], weights=weights, num_classes=num_classes, input_size=input_size)
    else:
        from wsol.models import torchvision as torchvision_zoo

        if name not in torchvision_zoo.names():
            raise unknown("model", name, model_names(), see="wsol list models")
        made = torchvision_zoo.load(name, weights=weights, num_classes=num_classes, input_size=input_size)
    try:
        made.module.to(torch.device(device)).eval()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{name} can't be put on device {device!r} ({reason}); use cpu or a device of this machine"
        ) from error
    return made


def weights_id(source: str, module: nn.Module) -> str:
    """`source` and 12 hex digits of a sha256 over names, types, shapes and bytes of the sorted state dict."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        plain = value.detach().cpu().contiguous()
        digest.update(f"{key} {plain.dtype} {tuple(plain.shape)};".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy())
    return f"{source}:{digest.hexdigest()[:12]}"


@contextmanager
def seeded() -> Iterator[None]:
    """A block in which torch draws from `RANDOM_SEED`; the state outside is untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(RANDOM_SEED)
        yield


def finish(
    name: str,
    module: nn.Module,
    source: str,
    input_size: int,
    mean: Colour,
    std: Colour,
    class_names: tuple[str, ...] = (),
    *,
    num_classes: int | None = None,
) -> Classifier:
    """A `Classifier` of a network; the number of classes is measured where nobody knows it. Raises ModelError."""
    module.eval()
    if num_classes is None:
        weight = next(module.parameters(), torch.zeros(()))
        try:
            with torch.no_grad():
                logits = module(torch.zeros((1, 3, input_size, input_size), dtype=weight.dtype, device=weight.device))
        except Exception as error:  # whatever a user's network raises is about its input size, nearly always
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(f"{name} can't run on a (1, 3, {input_size}, {input_size}) input: {reason}") from error
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

"""Any classifier of torchvision by name, with its own weights, preprocessing and class names."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torchvision

from wsol.errors import ModelError, unknown
from wsol.models import weights as weights_files
from wsol.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, Color, finish, seeded

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import WeightsEnum

NUM_CLASSES = 1000
INPUT_SIZES = {"inception_v3": 299}  # Szegedy et al., 2016; all others are built for 224
AUXILIARY = {
    "googlenet": ("aux1.", "aux2."),
    "inception_v3": ("AuxLogits.",),
}  # heads used in training; not in every file
SIZED = {"vit": "image_size", "maxvit": "input_size"}  # architectures whose parameters depend on the input's size


@cache
def names() -> tuple[str, ...]:
    """All classification networks of the installed torchvision."""
    return tuple(torchvision.models.list_models(module=torchvision.models))


def knows(name: str) -> bool:
    """Whether torchvision has a classifier of this name."""
    return name in names()


def options(name: str) -> tuple[str, ...]:
    """None."""
    return ()


def load(name: str, *, weights: str | None, num_classes: int | None, input_size: int | None) -> Classifier:
    """See `wsol.models.zoo.load_classifier`. `weights` may name a member of the architecture's weights enum.

    A local file that is called as torchvision calls its download is known to be that: it gets the same preprocessing.
    """
    offered = torchvision.models.get_model_weights(name)
    wanted = weights or "DEFAULT"
    if wanted in offered.__members__:
        return _pretrained(name, offered[wanted], num_classes, input_size)
    if wanted == "DEFAULT":
        raise ModelError(f"torchvision has no weights for {name}; give model.weights=random or a file")
    official = next((w for w in offered if Path(w.url).name == Path(wanted).name), None)
    if wanted != "random" and "/" not in wanted and not Path(wanted).suffix:
        raise unknown(
            f"weights file, nor set of weights of {name},", wanted, ["random", *offered.__members__], error=ModelError
        )
    side = input_size or (_preset(official).crop_size[0] if official else INPUT_SIZES.get(name, 224))
    options = _options(name, side)
    if name in AUXILIARY:
        options |= {"init_weights": wanted == "random", "aux_logits": False}
    if wanted == "random":
        with seeded():
            module = _build(name, num_classes, options)
            for part in module.modules():
                if isinstance(part, torch.nn.Linear) and not part.weight.any():  # a ViT's head: all gradients vanish
                    torch.nn.init.trunc_normal_(part.weight, std=0.02)
        return finish(name, module, "random", side, IMAGENET_MEAN, IMAGENET_STD, num_classes=num_classes or NUM_CLASSES)
    if name in AUXILIARY:
        # Torchvision's own files were trained elsewhere, on another normalization, and the network has to undo ours.
        options["transform_input"] = official is not None
        state = weights_files.read_state(wanted)
        options["aux_logits"] = any(head in key for key in state for head in AUXILIARY[name])  # behind any prefix
    module, source = weights_files.load_file(
        lambda classes: _build(name, classes, options), wanted, num_classes=num_classes, name=name
    )
    mean, std = _normalization(official) if official else (IMAGENET_MEAN, IMAGENET_STD)
    return finish(name, module, source, side, mean, std, _class_names(official))


def _pretrained(name: str, weights: WeightsEnum, num_classes: int | None, input_size: int | None) -> Classifier:
    """The network with torchvision's own weights, from its cache or download."""
    categories = _class_names(weights)
    where = f"the weights {weights.name} of {name}"
    if not categories:
        raise ModelError(f"{where} have no classifier; take another: {', '.join(_usable(name))}")
    weights_files.check_count(where, len(categories), num_classes)
    side = _preset(weights).crop_size[0]
    if input_size is not None and input_size != side and name.startswith(tuple(SIZED)):
        raise ModelError(f"{where} are for an input of {side} pixels, not {input_size}; leave model.input_size out")
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        module = torchvision.models.get_model(name, weights=weights, progress=False)
    except Exception as error:  # no network, a broken download, a damaged cache: each library raises its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        state = "can't be read" if cached.is_file() else "could not be downloaded"
        raise ModelError(
            f"{where} {state} ({reason}); put the file from {weights.url} at {cached}, "
            f"or give a local one with model.weights=PATH, or model.weights=random"
        ) from error
    weights_files.check_finite(module, where)
    mean, std = _normalization(weights)
    return finish(name, module, weights.name, input_size or side, mean, std, categories, num_classes=len(categories))


def _build(name: str, num_classes: int | None, options: dict[str, Any]) -> nn.Module:
    classes = {} if num_classes is None else {"num_classes": num_classes}
    module: nn.Module = torchvision.models.get_model(name, weights=None, **options, **classes)
    return module


def _options(name: str, side: int) -> dict[str, Any]:
    family = next((f for f in SIZED if name.startswith(f)), None)
    if family is None or side == 224:
        return {}
    return {SIZED[family]: side if family == "vit" else (side, side)}


def _preset(weights: WeightsEnum) -> Any:
    """Torchvision's record of how these weights want their images: crop_size, mean, std."""
    return weights.transforms()


def _normalization(weights: WeightsEnum) -> tuple[Color, Color]:
    preset = _preset(weights)
    return (preset.mean[0], preset.mean[1], preset.mean[2]), (preset.std[0], preset.std[1], preset.std[2])


def _class_names(weights: WeightsEnum | None) -> tuple[str, ...]:
    return tuple(weights.meta["categories"] or ()) if weights else ()


def _usable(name: str) -> list[str]:
    offered = torchvision.models.get_model_weights(name)
    return [w.name for w in offered if _class_names(w)]

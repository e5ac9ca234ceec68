"""CLIP's image tower with texts as classes: the logits are image-text similarities (Radford et al., ICML 2021, fig. 3).

`model=clip 'model.text=a photo of a {}' model.classes=birds.txt model.weights=open_clip_model.safetensors`: prompts,
embedded by the text tower in the same file. `model=clip model.text=birds.npy model.weights=tower.safetensors`: texts
that were embedded before, so that no text tower is needed. The image tower is one of timm's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from wsol.datasets.arrays import load_npy
from wsol.datasets.fields import read_lines
from wsol.datasets.paths import existing
from wsol.errors import ConfigError, ModelError, first_line
from wsol.models import timm
from wsol.models import weights as weights_files
from wsol.models.classifier import Classifier, finish
from wsol.models.networks._clip_text import embed, has_both_towers
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 100.0  # the inverse temperature that OpenAI's towers were trained to, its upper limit (sec. 2.5)
PROMPT = "{}"  # where the name of the class goes


@model("clip")
def clip(
    *,
    text: str | None = None,
    classes: Sequence[str] | str | None = None,
    tower: str = "vit_base_patch16_clip_224",
    weights: str | None = None,
    input_size: int | None = None,
    scale: float | None = None,
) -> Classifier:
    """A timm tower whose classes are texts.

    Parameters
    ----------
    text : a prompt with ``{}`` for the class (``a photo of a {}``), or a file of embeddings, see `text_classes`.
    classes : for a prompt, the names of the classes, or a file with one per line.
    tower : of timm, with a linear projection as its head. OpenAI's own weights are for ``vit_*_clip_quickgelu_*``.
    weights, input_size : as timm's networks have them (`wsol.models.timm.load`); a file may also be open_clip's, with
        both towers, as a prompt needs it.
    scale : of the cosine; by default the one in a file of both towers, or 100.

    Raises
    ------
    ConfigError : no texts, or no names. ModelError : texts or weights that can't be read, or don't fit each other.
    """
    if text is None:
        raise ConfigError(
            "model=clip needs texts as classes: give 'model.text=a photo of a {}' with model.classes=FILE, or "
            "model.text=FILE with embedded texts, a .npy or .safetensors of shape (C, D)"
        )
    file = weights if weights is not None and Path(weights.partition("@")[0]).suffix in weights_files.SUFFIXES else None
    state = weights_files.read_state(file) if file else {}
    both = has_both_towers(state)
    if PROMPT in text:
        names = _names(classes)
        if not both:
            raise ModelError(
                f"a prompt needs CLIP's text tower, and weights={weights} has none; give open_clip's file with both "
                "towers as model.weights, or embedded texts as model.text=FILE"
            )
        prompts = [text.replace(PROMPT, name) for name in names]
        embeddings = embed(prompts, state, path=str(file), quick_gelu="quickgelu" in tower)
    else:
        names, embeddings = text_classes(text)
    made = timm.load(
        f"timm/{tower}",
        weights="random" if both else weights,
        num_classes=embeddings.shape[1],
        input_size=input_size,
    )
    projection = getattr(made.module, "head", None)
    if not isinstance(projection, torch.nn.Linear):
        raise ModelError(f"tower={tower} has no linear projection as its head; expected one of timm's vit_*_clip_*")
    if both:
        _fill_image_tower(made.module, state, path=str(file), tower=tower)
        made = replace(made, weights_id=f"{Path(str(file)).name}:")
    known = float(state["logit_scale"].float().exp()) if both and "logit_scale" in state else SCALE
    made.module.head = Similarity(projection, embeddings, known if scale is None else scale)
    return finish("clip", made.module, made.weights_source, made.input_size, made.mean, made.std, names)


class Similarity(torch.nn.Linear):
    """A tower's projection, and behind it the scaled cosine with (C, D) texts: (B, K) features to (B, C)."""

    text: Tensor

    def __init__(self, projection: torch.nn.Linear, text: Tensor, scale: float = SCALE) -> None:
        super().__init__(projection.in_features, projection.out_features)
        self.weight, self.bias = projection.weight, projection.bias
        self.scale = scale
        self.register_buffer("text", torch.nn.functional.normalize(text.to(self.weight), dim=1))

    def forward(self, features: Tensor) -> Tensor:
        """The similarities; both sides have length 1."""
        return self.scale * torch.nn.functional.normalize(super().forward(features), dim=1) @ self.text.T


def text_classes(path: str) -> tuple[tuple[str, ...], Tensor]:
    """Class names and (C, D) embeddings, from a .npy file or the one tensor of a .safetensors file.

    Names are the lines of the text file beside it (``birds.txt`` for ``birds.npy``); without it there are none.

    Raises
    ------
    ModelError : a file that is missing, is not of shape (C, D), or has another number of names.
    """
    file = Path(path).expanduser()
    try:
        embeddings: Any = load_npy(file) if file.suffix == ".npy" else _only_tensor(file)
    except Exception as error:  # numpy, safetensors and the disk each raise their own
        raise ModelError(
            f"text={path} can't be read as embeddings ({first_line(error)}); expected a .npy or .safetensors file, or "
            "a prompt with {} for the class"
        ) from error
    if embeddings.ndim != 2:
        raise ModelError(f"text={path} has shape {tuple(embeddings.shape)}; expected (C, D), one row per class")
    beside = file.with_suffix(".txt")
    names = tuple(beside.read_text(encoding="utf-8").splitlines()) if beside.is_file() else ()
    if names and len(names) != len(embeddings):
        raise ModelError(f"{beside} has {len(names)} names for {len(embeddings)} embeddings; expected one per line")
    return names, torch.as_tensor(embeddings, dtype=torch.float32)


def _names(classes: Sequence[str] | str | None) -> tuple[str, ...]:
    """The names of the classes, or the lines of a file. Raises ConfigError where there are none."""
    if isinstance(classes, str):
        file = existing(Path(classes), option="model.classes", folder=False)
        classes = [line for _, line in read_lines(file)]
    if not classes:
        raise ConfigError("a prompt needs the names of the classes: give model.classes=FILE, one per line")
    return tuple(classes)


def _fill_image_tower(module: torch.nn.Module, state: Mapping[str, Tensor], *, path: str, tower: str) -> None:
    """Put the image tower of open_clip's weights into timm's network. Raises ModelError where it does not fit."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    try:
        converted = checkpoint_filter_fn({key: value.float() for key, value in state.items()}, cast(Any, module))
    except Exception as error:  # timm's own assertions and shapes
        raise ModelError(f"the weights in {path} don't fit {tower}: {first_line(error)}") from error
    weights_files.fill(module, converted, path=path, name=tower)


def _only_tensor(file: Path) -> Tensor:
    import safetensors.torch

    tensors = list(safetensors.torch.load_file(file).values())
    if len(tensors) != 1:
        raise ValueError(f"it has {len(tensors)} tensors, not one")
    return tensors[0]

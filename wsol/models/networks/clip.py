"""CLIP's image tower with texts as classes: the logits are image-text similarities (Radford et al., ICML 2021, fig. 3).

`model=clip model.text=birds.npy model.weights=tower.safetensors`: the tower is one of timm's, and the texts are already
embedded, by the text encoder that belongs to it, so that none is needed here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from wsol.datasets.arrays import load_npy
from wsol.errors import ConfigError, ModelError, first_line
from wsol.models import timm
from wsol.models.classifier import Classifier, finish
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 100.0  # the inverse temperature that OpenAI's towers were trained to, its upper limit (sec. 2.5)


@model("clip")
def clip(
    *,
    text: str | None = None,
    tower: str = "vit_base_patch16_clip_224",
    weights: str | None = None,
    input_size: int | None = None,
    scale: float = SCALE,
) -> Classifier:
    """A timm tower whose classes are the rows of a file of text embeddings.

    Parameters
    ----------
    text : see `text_classes`. tower : of timm, with a linear projection as its head. scale : of the cosine.
    weights, input_size : as timm's networks have them (`wsol.models.timm.load`).

    Raises
    ------
    ConfigError : no file of texts. ModelError : texts or weights that can't be read, or don't fit each other.
    """
    if text is None:
        raise ConfigError(
            "model=clip needs embedded texts as classes: give model.text=FILE, a .npy or .safetensors of shape (C, D)"
        )
    names, embeddings = text_classes(text)
    made = timm.load(f"timm/{tower}", weights=weights, num_classes=embeddings.shape[1], input_size=input_size)
    projection = getattr(made.module, "head", None)
    if not isinstance(projection, torch.nn.Linear):
        raise ModelError(f"tower={tower} has no linear projection as its head; expected one of timm's vit_*_clip_*")
    made.module.head = Similarity(projection, embeddings, scale)
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
    if "{" in path:
        raise ModelError(f"text={path!r} is a prompt; embed it with a text encoder for every class and give the file")
    try:
        embeddings: Any = load_npy(file) if file.suffix == ".npy" else _only_tensor(file)
    except Exception as error:  # numpy, safetensors and the disk each raise their own
        raise ModelError(
            f"text={path} can't be read as embeddings ({first_line(error)}); expected a .npy or .safetensors file"
        ) from error
    if embeddings.ndim != 2:
        raise ModelError(f"text={path} has shape {tuple(embeddings.shape)}; expected (C, D), one row per class")
    beside = file.with_suffix(".txt")
    names = tuple(beside.read_text(encoding="utf-8").splitlines()) if beside.is_file() else ()
    if names and len(names) != len(embeddings):
        raise ModelError(f"{beside} has {len(names)} names for {len(embeddings)} embeddings; expected one per line")
    return names, torch.as_tensor(embeddings, dtype=torch.float32)


def _only_tensor(file: Path) -> Tensor:
    import safetensors.torch

    tensors = list(safetensors.torch.load_file(file).values())
    if len(tensors) != 1:
        raise ValueError(f"it has {len(tensors)} tensors, not one")
    return tensors[0]

"""CLIP's text tower: prompts to embeddings, by open_clip's tokenizer and transformer, with weights from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from wsol.errors import ModelError
from wsol.models import weights as weights_files

if TYPE_CHECKING:
    from torch import Tensor

IMAGE = "visual."  # what open_clip calls the image tower's parameters
TEXT = "text."  # its text tower's, in files of later versions; in OpenAI's they have no prefix
HEAD_WIDTH = 64  # of the text tower's attention, in all of OpenAI's and open_clip's ViT models
AT_A_TIME = 256  # prompts


def has_both_towers(state: Mapping[str, Tensor]) -> bool:
    """Whether weights are of an image tower and a text tower, as open_clip and OpenAI save them."""
    return any(key.startswith(IMAGE) for key in state) and bool(_text_state(state))


def embed(prompts: Sequence[str], state: Mapping[str, Tensor], *, path: str, quick_gelu: bool) -> Tensor:
    """(n, D) embeddings of prompts by the text tower in `state`; its sizes are those of the weights.

    Parameters
    ----------
    path : the file that the weights are from, for messages.
    quick_gelu : whether the activation is x sigmoid(1.702 x), as in OpenAI's own weights.

    Raises
    ------
    ModelError : open_clip is not installed, or the weights are of another kind of text tower.
    """
    try:
        from open_clip import SimpleTokenizer
        from open_clip.transformer import QuickGELU, TextTransformer
    except ImportError as error:
        raise ModelError(
            "prompts need open_clip's text encoder, which is not installed: pip install 'wsol[clip]', or give embedded "
            "texts as model.text=FILE"
        ) from error
    text = _text_state(state)
    if text.get("text_projection", torch.zeros(0)).ndim != 2 or text["token_embedding.weight"].ndim != 2:
        raise ModelError(f"{path}: the text tower is not a CLIP transformer; give embedded texts as model.text=FILE")
    (vocabulary, width), (length, _) = text["token_embedding.weight"].shape, text["positional_embedding"].shape
    tower = TextTransformer(
        context_length=length,
        vocab_size=vocabulary,
        width=width,
        heads=max(1, width // HEAD_WIDTH),
        layers=len({key.split(".")[2] for key in text if key.startswith("transformer.resblocks.")}),
        output_dim=text["text_projection"].shape[1],
        act_layer=QuickGELU if quick_gelu else torch.nn.GELU,
    )
    weights_files.fill(tower, text, path=path, name="CLIP's text tower")
    tokens = SimpleTokenizer(context_length=length)(list(prompts))
    with torch.no_grad():
        return torch.cat([tower.eval()(some) for some in tokens.split(AT_A_TIME)])


def _text_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The text tower's parameters under open_clip's names; empty where there is no text tower."""
    prefix = TEXT if f"{TEXT}token_embedding.weight" in state else ""
    names = ("token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection")
    text = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    found = {key: value.float() for key, value in text.items() if key.startswith(names)}
    return found if {"token_embedding.weight", "positional_embedding"} <= found.keys() else {}

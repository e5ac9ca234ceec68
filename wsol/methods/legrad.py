"""LeGrad."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from wsol.errors import ConfigError, LayerError
from wsol.methods import LayerFeatures, method
from wsol.methods._common.attention import parts, tokens_of
from wsol.models.attention import attention_modules, capture_attention
from wsol.models.cost import Cost
from wsol.options import option

Pool = Literal["mean", "head"]


@method(
    "legrad",
    paper="Bousselham et al., LeGrad, ICCV 2025, sec. 3",
    year=2024,
    needs=("attention",),
    layers="input",
    cost="2F + 1B",
)
class LeGrad:
    """LeGrad: how much each layer's attention to a patch would raise the score read off that layer.

    s^l = head(norm(mean token of layer l));  M = mean_l mean_(h, q) ReLU(ds^l/dA^l)[h, q, patches]

    Identities: with pool=head, s^L = y: the last layer's part is the mean of ReLU(dy/dA^L).
    Traps: s^l is not y: each layer is scored by itself, and no gradient flows from one to another. The authors' code
    starts in a late layer (start=-2 is the last two).
    """

    pool: Pool = option(
        "mean", help="what a layer's score is read off: the mean of all tokens (paper), or what the head reads of them"
    )
    start: int = option(0, help="first layer used, counted from 0, or from the end when negative")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        tokens = tokens_of(layer)
        maps = []
        for part in parts(layer, gradients=True):
            gradients = self._gradients(layer, part)
            row = torch.stack([g.relu().mean((1, 2)) for g in gradients]).mean(0)
            maps.append(tokens.to_map(row))
        return torch.cat(maps)

    def _gradients(self, layer: LayerFeatures, part: slice) -> tuple[Tensor, ...]:
        """L times (B, heads, T, T), ds^l/dA^l."""
        module, images, targets = layer.query.module, layer.images[part], layer.targets[part]
        blocks = blocks_of(module)
        if not -len(blocks) <= self.start < len(blocks):
            raise ConfigError(f"legrad: start={self.start} is not one of the {len(blocks)} layers")
        layer.query.cost += Cost(forwards=len(images), backwards=len(images))

        def score(logits: Tensor, targets: Tensor) -> Tensor:
            return logits.gather(1, targets.repeat(len(logits) // len(targets))[:, None])[:, 0]

        with capture_attention(module) as forward:
            forward.run = lambda x: _scores_by_layer(module, blocks, self.pool, x)
            return forward(images, targets, score=score).gradients[self.start :]


def blocks_of(module: nn.Module) -> tuple[str, ...]:
    """Names of the blocks, one per layer of attention; raises LayerError where they are not items of one list."""
    names = [name.rpartition(".")[0] for name in attention_modules(module)]
    while len({name.rpartition(".")[0] for name in names}) > 1:
        names = [name.rpartition(".")[0] for name in names]
    if len(set(names)) < len(names) or not all(names):
        raise LayerError("legrad: the network's layers are not a list of blocks with one attention each; use rollout")
    return tuple(names)


def _scores_by_layer(module: nn.Module, blocks: tuple[str, ...], pool: Pool, images: Tensor) -> Tensor:
    """(L B, C) logits that the network gives for the tokens of each layer as if it were the last."""
    parts = [module.get_submodule(name) for name in blocks]
    layers: list[Tensor] = []

    def keep(block: nn.Module, args: Any, output: Tensor) -> Tensor:
        layers.append(output)
        return output.detach().requires_grad_()  # each layer's score is a function of its own attention alone

    handles = [part.register_forward_hook(keep) for part in parts]
    try:
        module(images)
    finally:
        for handle in handles:
            handle.remove()
    logits: list[Tensor] = []
    for tokens in layers:
        # Equal tokens: whichever the head reads, and whether the norm comes before or after, it reads their mean.
        read = tokens.mean(1, keepdim=True).expand_as(tokens) if pool == "mean" else tokens
        with _replaced(parts, read):
            logits.append(module(images))
    return torch.cat(logits)


@contextmanager
def _replaced(parts: list[nn.Module], tokens: Tensor) -> Iterator[None]:
    """Blocks that compute nothing and put out `tokens`, so that only the head behind them runs."""
    own = [vars(part).get("forward") for part in parts]

    def skip(*args: Any, **kwargs: Any) -> Tensor:
        return tokens

    try:
        for part in parts:
            part.forward = skip
        yield
    finally:
        for part, forward in zip(parts, own, strict=True):
            if forward is None:
                del part.forward
            else:
                part.forward = forward

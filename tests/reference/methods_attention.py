"""Naive twins of the methods of transformers: one image, float64, attention recomputed by hand from the weights.

A transformer is read into plain tables of weights (`weights_of`) and run token by token. Gradients by the attention
are those by a table that is added to the probabilities and is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tests.reference.method_case import Array, relu
from tests.reference.twins import compare

EPS = 1e-6  # of every layer norm
VITS = "torchvision timm distilled registers pooled semantic"  # as in tests.methods.vits


@dataclass(frozen=True)
class Weights:
    """A pre-norm vision transformer. `reads` is what the head takes: cls, distilled, pooled or semantic."""

    patch: tuple[Tensor, Tensor]
    front: Tensor
    place: Tensor
    blocks: Sequence[dict[str, Tensor]]
    norm: tuple[Tensor, Tensor]
    heads: Sequence[tuple[Tensor, Tensor]]
    reads: str
    count: int  # attention heads

    @property
    def prefix(self) -> int:
        return len(self.front)


def weights_of(net: torch.nn.Module, reads: str, count: int) -> Weights:
    """The weights of a network of `tests.methods.vits`, by their names there."""
    state = {name: value.detach().double() for name, value in net.state_dict().items()}

    def pair(name: str) -> tuple[Tensor, Tensor]:
        return state[name + ".weight"], state[name + ".bias"]

    parts = ("ln1", "qkv", "out", "ln2", "fc1", "fc2")
    blocks = []
    while True:
        own, outer = f"blocks.{len(blocks)}.", f"encoder.layers.encoder_layer_{len(blocks)}."
        if outer + "ln_1.weight" in state:
            attention = outer + "self_attention."
            pairs = [pair(outer + "ln_1"), (state[attention + "in_proj_weight"], state[attention + "in_proj_bias"])]
            pairs += [pair(attention + "out_proj"), *(pair(outer + n) for n in ("ln_2", "mlp.0", "mlp.3"))]
        elif own + "norm1.weight" in state:
            mlp = ("mlp.0", "mlp.2") if own + "mlp.0.weight" in state else ("mlp.fc1", "mlp.fc2")
            pairs = [pair(own + n) for n in ("norm1", "attn.qkv", "attn.proj", "norm2", *mlp)]
        else:
            break
        blocks.append(
            {k: v for part, p in zip(parts, pairs, strict=True) for k, v in ((part + "w", p[0]), (part + "b", p[1]))}
        )

    def first(*names: str) -> str:
        return next(n for n in names if n in state or n + ".weight" in state)

    front = [state[n][0] for n in ("class_token", "cls_token", "dist_token", "reg_token", "cls") if n in state]
    heads = {"distilled": ("head", "head_dist"), "cls": (first("heads.head", "head"),)}.get(reads, ("head",))
    return Weights(
        patch=pair(first("conv_proj", "patch_embed.proj", "patch")),
        front=torch.cat(front) if front else torch.zeros(0, blocks[0]["ln1w"].numel(), dtype=torch.float64),
        place=state[first("encoder.pos_embedding", "pos_embed", "place")][0],
        blocks=blocks,
        norm=pair(first("encoder.ln", "fc_norm", "norm")),
        heads=[pair(n) for n in heads],
        reads=reads,
        count=count,
    )


@dataclass(frozen=True)
class Run:
    """Attention (heads, T, T), what is added to it, and tokens (T, D), all by layer; logits (C,)."""

    attention: list[Tensor]
    added: list[Tensor]
    tokens: list[Tensor]
    logits: Tensor


def run(weights: Weights, image: Array, added: Sequence[Array] | None = None) -> Run:
    """The whole network for one image (3, h, w); `added` (heads, T, T) by layer goes on top of the probabilities."""
    tokens = embed(weights, torch.from_numpy(image))
    size = len(tokens)
    attention, extra, outputs = [], [], []
    for layer, block in enumerate(weights.blocks):
        shift = np.zeros((weights.count, size, size)) if added is None else added[layer]
        extra.append(torch.tensor(shift, requires_grad=True))
        gathered, probabilities = attend(tokens, block, weights.count, extra[-1])
        tokens = tokens + gathered
        tokens = torch.stack([t + mlp(t, block) for t in tokens])
        attention.append(probabilities)
        outputs.append(tokens)
    return Run(attention, extra, outputs, read(weights, tokens))


def embed(weights: Weights, image: Tensor) -> Tensor:
    kernel, bias = weights.patch
    size = kernel.shape[-1]
    patches = []
    for top in range(0, image.shape[1], size):
        for left in range(0, image.shape[2], size):
            window = image[:, top : top + size, left : left + size]
            patches.append((kernel * window).sum((1, 2, 3)) + bias)
    found = torch.stack(patches)
    if len(weights.place) == len(found):
        return torch.cat([weights.front, found + weights.place])
    return torch.cat([weights.front, found]) + weights.place


def attend(tokens: Tensor, block: dict[str, Tensor], heads: int, added: Tensor) -> tuple[Tensor, Tensor]:
    """What every token gathers (T, D), and the probabilities (heads, T, T)."""
    size, width = tokens.shape
    per_head = width // heads
    normed = torch.stack([layer_norm(t, block["ln1w"], block["ln1b"]) for t in tokens])
    q, k, v = (normed @ block["qkvw"].T + block["qkvb"]).split(width, 1)
    rows = []
    for head in range(heads):
        part = slice(head * per_head, (head + 1) * per_head)
        for query in range(size):
            exponents = k[:, part] @ q[query, part] / per_head**0.5
            e = (exponents - exponents.max()).exp()
            rows.append(e / e.sum())
    probabilities = torch.stack(rows).reshape(heads, size, size)
    used = probabilities + added
    values = [used[head] @ v[:, head * per_head : (head + 1) * per_head] for head in range(heads)]
    return torch.cat(values, 1) @ block["outw"].T + block["outb"], probabilities


def mlp(token: Tensor, block: dict[str, Tensor]) -> Tensor:
    x = block["fc1w"] @ layer_norm(token, block["ln2w"], block["ln2b"]) + block["fc1b"]
    x = x * (1 + torch.erf(x / 2**0.5)) / 2
    return block["fc2w"] @ x + block["fc2b"]


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    away = x - x.mean()
    return away / ((away**2).mean() + EPS).sqrt() * weight + bias


def read(weights: Weights, tokens: Tensor) -> Tensor:
    """Logits (C,) from the last tokens."""
    if weights.reads == "semantic":
        return semantic_map(weights, tokens).mean((1, 2))
    if weights.reads == "pooled":
        read = [layer_norm(tokens[weights.prefix :].mean(0), *weights.norm)]
    else:
        read = [layer_norm(tokens[i], *weights.norm) for i in range(len(weights.heads))]
    logits = [w @ x + b for (w, b), x in zip(weights.heads, read, strict=True)]
    return torch.stack(logits).mean(0)


def semantic_map(weights: Weights, tokens: Tensor) -> Tensor:
    """(C, side, side): a 3 x 3 convolution, zeros around."""
    kernel, bias = weights.heads[0]
    patches = torch.stack([layer_norm(t, *weights.norm) for t in tokens[weights.prefix :]])
    side = round(len(patches) ** 0.5)
    grid = patches.reshape(side, side, -1)
    rows = []
    for i in range(side):
        for j in range(side):
            total = bias
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    if 0 <= i + di < side and 0 <= j + dj < side:
                        total = total + kernel[:, :, di + 1, dj + 1] @ grid[i + di, j + dj]
            rows.append(total)
    return torch.stack(rows, 1).reshape(-1, side, side)


def gradients(found: Run, score: Tensor) -> list[Array]:
    """d score / d probability (heads, T, T) by layer, zero where the score does not depend on it."""
    slopes = torch.autograd.grad(score, found.added, retain_graph=True, allow_unused=True)
    return [np.zeros(a.shape) if g is None else g.numpy() for a, g in zip(found.added, slopes, strict=True)]


# The methods. Readers: indices of the tokens that the head reads.


def readers(weights: Weights) -> list[int]:
    patches = _patch_count(weights)
    if weights.reads in ("pooled", "semantic"):
        return list(range(weights.prefix, weights.prefix + patches))
    return list(range(len(weights.heads)))


def _patch_count(weights: Weights) -> int:
    side = int(len(weights.place) ** 0.5)  # as many patches as the largest square among the places
    return side * side


def to_map(weights: Weights, row: Array) -> Array:
    patches = row[weights.prefix :]
    side = round(len(patches) ** 0.5)
    return np.array([[patches[i * side + j] for j in range(side)] for i in range(side)])


@compare(VITS)
def lastattention(weights: Weights, image: Array, target: int) -> Array:
    last = arrays(run(weights, image).attention)[-1]
    row = np.zeros(last.shape[-1])
    for key in range(len(row)):
        row[key] = np.mean([last[head, q, key] for head in range(len(last)) for q in readers(weights)])
    return to_map(weights, row)


@compare(VITS)
@compare("timm", heads="max", discard=0.0)
@compare("timm", heads="min", discard=0.5)
@compare("timm", heads="mean", discard=0.9)
def rollout(weights: Weights, image: Array, target: int, *, heads: str = "mean", discard: float = 0.0) -> Array:
    joined = None
    for layer in arrays(run(weights, image).attention):
        fuse = {"mean": np.mean, "max": np.max, "min": np.min}[heads]
        size = layer.shape[-1]
        fused = np.array([[fuse(layer[:, q, k]) for k in range(size)] for q in range(size)])
        least = sorted(fused.ravel())[int(discard * size * size)]
        for q in range(size):
            for k in range(size):
                fused[q, k] = fused[q, k] if fused[q, k] >= least else 0
        with_skip = fused + np.eye(size)
        for q in range(size):
            with_skip[q] = with_skip[q] / with_skip[q].sum()
        joined = with_skip if joined is None else with_skip @ joined
    assert joined is not None
    return to_map(weights, joined[readers(weights)].mean(0))


@compare(VITS)
def attngradcam(weights: Weights, image: Array, target: int) -> Array:
    found = run(weights, image)
    last, g = arrays(found.attention)[-1], gradients(found, found.logits[target])[-1]
    row = np.zeros(last.shape[-1])
    for q in readers(weights):
        for head in range(len(last)):
            weight = np.mean([g[head, q, k] for k in range(weights.prefix, len(row))])
            row = row + weight * last[head, q] / len(last) / len(readers(weights))
    return to_map(weights, relu(row))


@compare(VITS)
def genericattention(weights: Weights, image: Array, target: int) -> Array:
    found = run(weights, image)
    slopes = gradients(found, found.logits[target])
    relevance = np.eye(found.attention[0].shape[-1])
    for a, g in zip(arrays(found.attention), slopes, strict=True):
        helps = sum(relu(a[head] * g[head]) for head in range(len(a))) / len(a)
        relevance = relevance + helps @ relevance
    return to_map(weights, relevance[readers(weights)].mean(0))


@compare(VITS)
@compare("torchvision distilled pooled semantic", pool="head")
@compare("timm", start=-1)
@compare("timm", start=1)
def legrad(weights: Weights, image: Array, target: int, *, pool: str = "mean", start: int = 0) -> Array:
    found = run(weights, image)
    layers = range(len(weights.blocks))[start:]
    total = np.zeros(found.attention[0].shape[-1])
    for layer in layers:
        tokens = found.tokens[layer]
        if pool == "mean":
            tokens = torch.stack([tokens.mean(0)] * len(tokens))
        g = gradients(found, read(weights, tokens)[target])[layer]
        for head in range(len(g)):
            for query in range(len(total)):
                total = total + relu(g[head, query]) / len(g) / len(total) / len(layers)
    return to_map(weights, total)


@compare("semantic")
def tscam(weights: Weights, image: Array, target: int) -> Array:
    found = run(weights, image)
    layers = arrays(found.attention)
    where = np.zeros(layers[0].shape[-1])
    for layer in layers:
        for head in range(len(layer)):
            where = where + layer[head, 0] / len(layer) / len(layers)
    return to_map(weights, where) * semantic_map(weights, found.tokens[-1])[target].detach().numpy()


def arrays(tensors: Sequence[Tensor]) -> list[Array]:
    return [t.detach().numpy() for t in tensors]

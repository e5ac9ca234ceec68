"""Slow twins of the training techniques, on the small VGG: written from the papers, cell by cell, without our code.

A twin takes the weights by name, the batch, and the generator that the technique draws from, and returns the logits and
the loss; its gradients are autograd's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

State = Mapping[str, Tensor]
Twin = Callable[..., tuple[Tensor, Tensor]]

# convolutions, M: pool of 2x2 cells, P: pool of 3x3, p: the same of stride 1, A: attention-based dropout
PLAIN = "8 M 16 M 32 M 64 64 96 96"
WITH_ADL = "8 M 16 M 32 M A 64 64 A 96 96 A"
OVERLAPPING = "8 P 16 P 32 P 64 64 p 96 96 p"
FIRST = "8 M 16 M 32 M"


def conv(state: State, key: str, x: Tensor) -> Tensor:
    weight = state[f"{key}.weight"]
    return functional.conv2d(x, weight, state[f"{key}.bias"], padding=weight.shape[-1] // 2)


def body(state: State, words: str, x: Tensor, dropout: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    place = 0
    for word in words.split():
        if word == "A":
            assert dropout is not None
            x, place = dropout(x), place + 1
        elif word.isdigit():
            x, place = conv(state, f"features.{place}", x).relu(), place + 2
        else:
            size, stride, padding = {"M": (2, 2, 0), "P": (3, 2, 1), "p": (3, 1, 1)}[word]
            x, place = functional.max_pool2d(x, size, stride, padding), place + 1
    return x


def pooled(state: State, features: Tensor) -> Tensor:
    """Logits of the plain head."""
    maps = conv(state, "conv6", features).relu()
    rows = []
    for image in maps:
        means = torch.stack([channel.sum() / channel.numel() for channel in image])
        rows.append(state["fc.weight"] @ means + state["fc.bias"])
    return torch.stack(rows)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    losses = [(row - row[label]).exp().sum().log() for row, label in zip(logits, labels, strict=True)]
    return torch.stack(losses).sum() / len(losses)


def cam(state: State, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits = pooled(state, body(state, PLAIN, images))
    return logits, cross_entropy(logits, labels)


def has(
    state: State, images: Tensor, labels: Tensor, generator: torch.Generator, *, grid_size: int, drop_rate: float
) -> tuple[Tensor, Tensor]:
    count, _, height, width = images.shape
    across, down = math.ceil(width / grid_size), math.ceil(height / grid_size)
    numbers = torch.rand((count, 1, down, across), generator=generator)
    hidden = images.clone()
    for n in range(count):
        for y in range(height):
            for x in range(width):
                if numbers[n, 0, y // grid_size, x // grid_size] < drop_rate:
                    hidden[n, :, y, x] = 0
    return cam(state, hidden, labels, generator)


def cutmix(
    state: State, images: Tensor, labels: Tensor, generator: torch.Generator, *, beta: float, probability: float
) -> tuple[Tensor, Tensor]:
    if torch.rand((), generator=generator).item() >= probability:
        return cam(state, images, labels, generator)
    lam = np.random.default_rng(int(torch.randint(2**62, (), generator=generator))).beta(beta, beta)
    source = torch.randperm(len(images), generator=generator).tolist()
    height, width = images.shape[2:]
    cut = math.sqrt(1 - lam)
    tall, wide = math.floor(height * cut), math.floor(width * cut)
    row = int(torch.randint(height, (), generator=generator))
    column = int(torch.randint(width, (), generator=generator))
    mixed, moved = images.clone(), 0
    for y in range(height):
        for x in range(width):
            inside = row - tall // 2 <= y < row + tall // 2 and column - wide // 2 <= x < column + wide // 2
            moved += inside
            for n in range(len(images)):
                if inside:
                    mixed[n, :, y, x] = images[source[n], :, y, x]
    share = (height * width - moved) / (height * width)
    logits = pooled(state, body(state, PLAIN, mixed))
    first, second = cross_entropy(logits, labels), cross_entropy(logits, labels[source])
    return logits, share * first + (1 - share) * second


def adl(
    state: State, images: Tensor, labels: Tensor, generator: torch.Generator, *, threshold: float, drop_rate: float
) -> tuple[Tensor, Tensor]:
    inner = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    numbers = torch.rand(3, generator=inner).tolist()

    def dropout(features: Tensor) -> Tensor:
        drop = numbers.pop(0) < drop_rate
        images = []
        for image in features:
            attention = sum(image) / len(image)
            weights = torch.stack(
                [
                    torch.stack([one_weight(cell, attention.max(), drop, threshold) for cell in line])
                    for line in attention
                ]
            )
            images.append(image * weights)
        return torch.stack(images)

    logits = pooled(state, body(state, WITH_ADL, images, dropout))
    assert not numbers
    return logits, cross_entropy(logits, labels)


def one_weight(cell: Tensor, highest: Tensor, drop: bool, threshold: float) -> Tensor:
    if drop:
        return torch.zeros_like(cell) if cell.item() >= threshold * highest.item() else torch.ones_like(cell)
    return 1 / (1 + (-cell).exp())


def acol(
    state: State, images: Tensor, labels: Tensor, generator: torch.Generator, *, threshold: float
) -> tuple[Tensor, Tensor]:
    features = functional.avg_pool2d(body(state, OVERLAPPING, images), 3, 1, 1)
    maps = branch(state, "classifier_A", features)
    erased = []
    for image, label, shown in zip(features, labels, maps.detach(), strict=True):
        values = shown[label]
        low, high = values.min().item(), values.max().item()
        kept = torch.ones_like(values)
        for y in range(len(values)):
            for x in range(len(values[0])):
                if (values[y, x].item() - low) / (high - low) >= threshold:
                    kept[y, x] = 0
        erased.append(image * kept)
    logits = spatial_means(maps)
    second = spatial_means(branch(state, "classifier_B", torch.stack(erased)))
    return logits, cross_entropy(logits, labels) + cross_entropy(second, labels)


def branch(state: State, name: str, x: Tensor) -> Tensor:
    x = conv(state, f"{name}.2", conv(state, f"{name}.0", x).relu()).relu()
    return conv(state, f"{name}.4", x)


def spatial_means(maps: Tensor) -> Tensor:
    return torch.stack([torch.stack([channel.sum() / channel.numel() for channel in image]) for image in maps])


def spg(
    state: State, images: Tensor, labels: Tensor, generator: torch.Generator, **thresholds: float
) -> tuple[Tensor, Tensor]:
    def two(name: str, x: Tensor) -> Tensor:
        return conv(state, f"{name}.2", conv(state, f"{name}.0", x).relu()).relu()

    size = images.shape[-1]
    middle = two("SPG_A_1", body(state, FIRST, images))
    deep = two("SPG_A_2", middle)
    last = two("SPG_A_3", deep)
    maps = conv(state, "SPG_A_4", last)
    b1 = enlarged(shared(state, conv(state, "SPG_B_1a.0", middle).relu()), size)
    b2 = enlarged(shared(state, conv(state, "SPG_B_2a.0", deep).relu()), size)
    c = enlarged(conv(state, "SPG_C.2", conv(state, "SPG_C.0", last).relu()), size)
    wanted: list[list[Any]] = [[], [], []]  # of B2, B1 and C: (logit, 1 or 0)
    for n, label in enumerate(labels):
        shown = enlarged(maps[n : n + 1, label : label + 1], size)[0, 0].detach()
        low, high = shown.min(), shown.max()
        p1, p2 = (sigmoid(logits[n, 0].detach()) for logits in (b1, b2))
        wanted[0] += known(b2[n, 0], (shown - low) / (high - low), thresholds["h1"], thresholds["l1"])
        wanted[1] += known(b1[n, 0], p2, thresholds["h2"], thresholds["l2"])
        wanted[2] += known(c[n, 0], (p1 + p2) / 2, thresholds["h3"], thresholds["l3"])
    logits = spatial_means(maps)
    loss = cross_entropy(logits, labels)
    for pairs in wanted:
        # -t log p - (1 - t) log(1 - p), of the logit z
        losses = [torch.log1p((-z if target else z).exp()) for z, target in pairs]
        loss = loss + torch.stack(losses).sum() / len(losses)
    return logits, loss


def shared(state: State, x: Tensor) -> Tensor:
    return conv(state, "SPG_B_shared.2", conv(state, "SPG_B_shared.0", x).relu())


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


def known(logits: Tensor, scores: Tensor, high: float, low: float) -> list[tuple[Tensor, int]]:
    """The logit and the target of each pixel that a map of scores is sure of."""
    values = scores.flatten().tolist()
    above = high if sum(value > high for value in values) >= 30 else 0.7 * max(values)
    found = []
    for logit, value in zip(logits.flatten(), values, strict=True):
        if value < low:
            found.append((logit, 0))
        elif value > above:
            found.append((logit, 1))
    return found


def enlarged(maps: Tensor, size: int) -> Tensor:
    """(B, 1, h, h) to (B, 1, size, size), bilinearly between the centers of cells; beyond the outer ones, theirs."""
    weights = torch.zeros((size, maps.shape[-1]), dtype=maps.dtype)
    for pixel in range(size):
        center = min(max((pixel + 0.5) * maps.shape[-1] / size - 0.5, 0), maps.shape[-1] - 1)
        before = math.floor(center)
        weights[pixel, before] += 1 - (center - before)
        if before + 1 < maps.shape[-1]:
            weights[pixel, before + 1] += center - before
    return weights @ maps @ weights.T


TWINS: dict[str, Twin] = {"cam": cam, "has": has, "cutmix": cutmix, "adl": adl, "acol": acol, "spg": spg}

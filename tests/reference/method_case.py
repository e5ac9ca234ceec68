"""What a naive twin of a method receives: one image in float64, and a network to query."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)  # of the normalization that the tests' images are said to have had


class Network:
    """A module in float64, run on one image at a time with plain autograd."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self.parts = dict(module.named_modules())

    def logits(self, image: Array) -> Array:
        with torch.no_grad():
            return self.module(torch.from_numpy(image)[None])[0].numpy()

    def prob(self, image: Array, target: int) -> float:
        return float(softmax(self.logits(image))[target])

    def score(self, image: Array, target: int, kind: str) -> float:
        return self.prob(image, target) if kind == "prob" else float(self.logits(image)[target])

    def forward_backward(
        self,
        image: Array,
        layer: str,
        score: Callable[[torch.Tensor], torch.Tensor],
    ) -> tuple[Array, Array]:
        """Activation and gradient (K, H, W) of one layer, or of the image itself, for a score of the logits."""
        x = torch.from_numpy(image)[None].clone().requires_grad_()
        kept = []

        def hook(module: object, args: object, output: torch.Tensor) -> torch.Tensor:
            kept.append(output)
            return output * 1.0

        handle = None if layer == "input" else self.parts[layer].register_forward_hook(hook)
        logits = self.module(x * 1.0)[0]
        if handle is not None:
            handle.remove()
        at = x if layer == "input" else kept[0]
        (gradient,) = torch.autograd.grad(score(logits), at)
        return at.detach()[0].numpy(), gradient[0].numpy()

    def from_layer(self, image: torch.Tensor, layer: str, activation: torch.Tensor) -> torch.Tensor:
        """Logits (C,) when the layer puts out `activation` (K, H, W) in place of its own; differentiable."""
        handle = self.parts[layer].register_forward_hook(lambda *_: activation[None] * 1.0)
        logits = self.module(image[None])[0]
        handle.remove()
        return logits


@dataclass(frozen=True)
class Case:
    """One image at one layer: activation A and gradient g (K, H, W), both None for fixed maps."""

    net: Network
    image: Array
    target: int
    layer: str
    a: Array
    g: Array
    head: tuple[Array, Array] | None
    image_id: str = "image0"
    seed: int = 0
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[2]

    @property
    def logits(self) -> Array:
        return self.net.logits(self.image)

    def random(self, salt: str) -> torch.Generator:
        """The generator the contract promises: from (run seed, image id, salt)."""
        return generator(f"{self.seed}/{self.image_id}/{salt}")

    def run_random(self, salt: str) -> torch.Generator:
        return generator(f"{self.seed}//{salt}")

    def gradient_of(self, score: str) -> Array:
        """Gradient of another score than the logit at the layer."""
        of = {"logit": lambda y: y, "prob": lambda y: torch.softmax(y, 0), "logprob": lambda y: torch.log_softmax(y, 0)}
        return self.net.forward_backward(self.image, self.layer, lambda y: of[score](y)[self.target])[1]

    def gradient(self, image: Array, layer: str | None = None) -> Array:
        """Gradient of the target logit at a layer (default: the case's), for another image."""
        return self.net.forward_backward(image, layer or self.layer, lambda logits: logits[self.target])[1]


def generator(text: str) -> torch.Generator:
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") // 2)


def softmax(values: Array) -> Array:
    e = np.exp(values - values.max())
    return e / e.sum()


def relu(values: Array) -> Array:
    return np.where(values > 0, values, 0.0)


def positive(m: Array, wanted: bool = True) -> Array:
    """ReLU where a method's option `relu` asks for it."""
    return np.where(m > 0, m, 0.0) if wanted else m


def stretch(m: Array) -> Array:
    """Min-max; a flat map becomes zeros."""
    low, high = m.min(), m.max()
    return np.zeros_like(m) if high == low else (m - low) / (high - low)


def bilinear(m: Array, size: tuple[int, int], *, corners: bool = False) -> Array:
    """(H, W) to `size`: rows, then columns, each new one a mix of two old ones."""
    rows = np.zeros((size[0], m.shape[0]))
    for i in range(size[0]):
        low, high, share = _between(i, m.shape[0], size[0], corners)
        rows[i, low] += 1 - share
        rows[i, high] += share
    columns = np.zeros((size[1], m.shape[1]))
    for j in range(size[1]):
        low, high, share = _between(j, m.shape[1], size[1], corners)
        columns[j, low] += 1 - share
        columns[j, high] += share
    return rows @ m @ columns.T


def _between(i: int, old: int, new: int, corners: bool) -> tuple[int, int, float]:
    at = i * (old - 1) / max(1, new - 1) if corners else max(0.0, (i + 0.5) * old / new - 0.5)
    low = min(int(np.floor(at)), old - 1)
    return low, min(low + 1, old - 1), at - low


def gaussian(m: Array, sigma: float, radius: int) -> Array:
    """Blur (h, w), weights beyond the border left out and the rest made to sum to 1, rows then columns."""
    for axis in (0, 1):
        side = m.shape[axis]
        out = np.zeros_like(m)
        for i in range(side):
            total, weight = np.zeros(m.shape[1 - axis]), 0.0
            for j in range(max(0, i - radius), min(side, i + radius + 1)):
                w = np.exp(-((i - j) ** 2) / (2 * sigma**2))
                total = total + w * np.take(m, j, axis)
                weight += w
            if axis == 0:
                out[i] = total / weight
            else:
                out[:, i] = total / weight
        m = out
    return m

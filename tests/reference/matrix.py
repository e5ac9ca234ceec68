"""Twins of twelve methods on twelve networks: plain PyTorch hooks and the papers' formulas, layers and shapes by hand.

Nothing of `wsol` decides here which layer is taken, how tokens become a grid or what is differentiated. Gradients are
those of a zero that is added to the layer's output, attention is computed again from each attention's input. Only the
seeds of random draws are shared (`wsol.seeding`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from wsol.seeding import torch_generator

CLASSES = 5


@dataclass(frozen=True)
class Net:
    """A network, and by hand what a twin must know of it.

    Attributes
    ----------
    side : of the square input. layer : dotted name of the layer that ``last`` should be.
    prefix : tokens in front of the patches; None where the layer is (B, K, H, W), -1 where it is (B, H, W, K).
    rows : of the patches. head : the linear layer behind the average pooling of this very layer, or None.
    relu : whether the network has a ReLU between the layer and the average.
    attentions : the modules with attention between all tokens, in order. readers : the tokens that the head reads.
    """

    build: Callable[[], nn.Module]
    side: int
    layer: str
    prefix: int | None = None
    rows: int = 0
    head: str | None = None
    relu: bool = False
    attentions: tuple[str, ...] = ()
    readers: tuple[int, ...] = (0,)

    def grid(self, output: Tensor) -> Tensor:
        if self.prefix is None:
            return output
        if self.prefix < 0:
            return output.permute(0, 3, 1, 2)
        patches = output[:, self.prefix :]
        return torch.stack([patches[:, r * self.rows : (r + 1) * self.rows] for r in range(self.rows)], 1).permute(
            0, 3, 1, 2
        )

    def without(self, output: Tensor, channels: Tensor) -> Tensor:
        """(1, ...) to (n, ...): each of n channels set to zero, in the patches alone."""
        copies = output.repeat(len(channels), *[1] * (output.ndim - 1))
        for place, channel in enumerate(channels.tolist()):
            if self.prefix is None:
                copies[place, channel] = 0
            else:
                copies[place, max(self.prefix, 0) :, ..., channel] = 0
        return copies


@dataclass
class Twin:
    """One network with a batch of images and their target classes."""

    net: Net
    model: nn.Module
    images: Tensor
    targets: list[int]
    kept: dict[str, Tensor] = field(default_factory=dict)

    def activations(self) -> Tensor:
        with torch.no_grad(), self.hooked(lambda output: self.kept.update(a=output.clone())):
            self.logits = self.model(self.images)
        return self.net.grid(self.kept["a"])

    def gradients(self, images: Tensor | None = None) -> Tensor:
        """Of the sum of the target logits by a zero added to the layer."""

        def add(output: Tensor) -> Tensor:
            self.kept["zero"] = torch.zeros_like(output, requires_grad=True)
            return output + self.kept["zero"]

        with self.hooked(add):
            logits = self.model(self.images if images is None else images)
        total = sum(logits[n, target] for n, target in enumerate(self.targets))
        (gradient,) = torch.autograd.grad(total, self.kept["zero"])
        return self.net.grid(gradient)

    @contextmanager
    def hooked(self, change: Callable[[Tensor], Any]) -> Any:
        handle = self.model.get_submodule(self.net.layer).register_forward_hook(lambda m, args, output: change(output))
        try:
            yield
        finally:
            handle.remove()

    def probabilities(self, images: Tensor, target: int) -> Tensor:
        with torch.no_grad():
            scores = torch.cat([self.model(part) for part in images.split(32)]).exp()
        return scores[:, target] / scores.sum(1)


def summed(weights: Tensor, activations: Tensor) -> Tensor:
    return torch.einsum("bk,bkhw->bhw", weights, activations)


def cam(twin: Twin) -> Tensor:
    """Zhou et al., 2016, eq. 2."""
    assert twin.net.head is not None
    a = twin.activations()
    return summed(
        twin.model.get_submodule(twin.net.head).weight[twin.targets].detach(), a.relu() if twin.net.relu else a
    )


def gradcam(twin: Twin) -> Tensor:
    """Selvaraju et al., 2017, eq. 1-2."""
    return summed(twin.gradients().mean((2, 3)), twin.activations()).relu()


def gradcam_pp(twin: Twin) -> Tensor:
    """Chattopadhyay et al., 2018, eq. 19, divided by g^2."""
    a, g = twin.activations(), twin.gradients()
    alpha = 1 / (2 + a.sum((2, 3), keepdim=True) * g)
    return summed(torch.where(g > 0, alpha * g, 0).sum((2, 3)), a).relu()


def smoothgradcam_pp(twin: Twin, *, samples: int) -> Tensor:
    """Omeiza et al., 2019, eq. 9-11; noise of 0.15 times the image's span."""
    a, powers = twin.activations(), [0, 0, 0]
    draws = [torch_generator(0, str(n), "noise") for n in range(len(twin.images))]
    for _ in range(samples):
        noisy = [
            x + 0.15 * (x.max() - x.min()) * torch.randn(x.shape, generator=draw, dtype=torch.float64)
            for x, draw in zip(twin.images, draws, strict=True)
        ]
        g = twin.gradients(torch.stack(noisy))
        powers = [total + g**power / samples for power, total in enumerate(powers, start=1)]
    d1, d2, d3 = powers
    alpha = d1 / (2 * d2 + a.sum((2, 3), keepdim=True) * d3)
    return summed(torch.where(d1 > 0, alpha * d1, 0).sum((2, 3)), a).relu()


def layercam(twin: Twin) -> Tensor:
    """Jiang et al., 2021."""
    return (twin.gradients().relu() * twin.activations()).sum(1).relu()


def xgradcam(twin: Twin) -> Tensor:
    """Fu et al., 2020, eq. 8."""
    a, g = twin.activations(), twin.gradients()
    total = a.sum((2, 3))
    weights = torch.where(total == 0, 0, (g * a).sum((2, 3)) / torch.where(total == 0, 1, total))
    return summed(weights, a).relu()


def scorecam(twin: Twin) -> Tensor:
    """Wang et al., 2020, algorithm 1: probabilities, a softmax over the channels that have a shape."""
    a = twin.activations()
    maps = []
    for channels, image, target in zip(a, twin.images, twin.targets, strict=True):
        alive = [k for k, one in enumerate(channels) if one.max() > one.min()]
        up = nn.functional.interpolate(channels[None, alive], image.shape[1:], mode="bilinear", align_corners=False)[0]
        low, high = up.flatten(1).min(1).values[:, None, None], up.flatten(1).max(1).values[:, None, None]
        scores = [twin.probabilities(image * part[:, None], target) for part in ((up - low) / (high - low)).split(32)]
        weights = torch.cat(scores).exp() / torch.cat(scores).exp().sum()
        maps.append((weights[:, None, None] * channels[alive]).sum(0).relu())
    return torch.stack(maps)


def ablationcam(twin: Twin) -> Tensor:
    """Desai and Ramaswamy, 2020, eq. 4-5; every channel is set to zero in a whole forward of its own."""
    a = twin.activations()
    maps, logits = [], twin.logits
    for n, target in enumerate(twin.targets):
        drops = []
        for channels in torch.arange(a.shape[1]).split(32):
            copies = twin.images[n : n + 1].repeat(len(channels), 1, 1, 1)

            def zeroed(output: Tensor, channels: Tensor = channels) -> Tensor:
                return twin.net.without(output[:1], channels)

            with torch.no_grad(), twin.hooked(zeroed):
                drops.append(logits[n, target] - twin.model(copies)[:, target])
        weights = torch.cat(drops) / logits[n, target]
        maps.append((weights[:, None, None] * a[n]).sum(0).relu())
    return torch.stack(maps)


def lafam(twin: Twin) -> Tensor:
    """Karjauv and Albayrak, 2024."""
    return twin.activations().mean(1)


def eigencam(twin: Twin) -> Tensor:
    """Muhammad and Yeasin, 2020, eq. 2-3; the largest magnitude is positive."""
    maps = []
    for channels in twin.activations():
        cells = channels.flatten(1).T
        raw = cells @ torch.linalg.svd(cells, full_matrices=False).Vh[0]
        maps.append((raw if raw.max() > -raw.min() else -raw).reshape(channels.shape[1:]))
    return torch.stack(maps)


def rise(twin: Twin, *, samples: int) -> Tensor:
    """Petsiuk et al., 2018, eq. 6; 7 x 7 cells, kept with probability 1/2."""
    side, draw = twin.net.side, torch_generator(0, "", "rise")
    step = (side + 6) // 7
    cells = (torch.rand(samples, 7, 7, generator=draw, dtype=torch.float64) < 0.5).double()
    shifts = (torch.rand(samples, 2, generator=draw, dtype=torch.float64) * step).long().tolist()
    large = nn.functional.interpolate(cells[:, None], (8 * step, 8 * step), mode="bilinear", align_corners=False)
    masks = torch.stack([one[0, y : y + side, x : x + side] for one, (y, x) in zip(large, shifts, strict=True)])
    maps = []
    for image, target in zip(twin.images, twin.targets, strict=True):
        scores = twin.probabilities(image * masks[:, None], target)
        maps.append(torch.einsum("n,nhw->hw", scores, masks) / (samples * 0.5))
    return torch.stack(maps)


def rollout(twin: Twin) -> Tensor:
    """Abnar and Zuidema, 2020, eq. 1: half attention, half skip connection, in every layer."""
    inputs: list[tuple[nn.Module, Tensor]] = []
    handles = [
        twin.model.get_submodule(name).register_forward_pre_hook(lambda m, args: inputs.append((m, args[0])))
        for name in twin.net.attentions
    ]
    with torch.no_grad():
        twin.model(twin.images)
        for handle in handles:
            handle.remove()
        count = inputs[0][1].shape[1]
        flow = torch.eye(count).double()
        for module, tokens in inputs:
            flow = (0.5 * attention(module, tokens).mean(1) + 0.5 * torch.eye(count)) @ flow
    prefix, rows = count - twin.net.rows**2, twin.net.rows
    return flow[:, list(twin.net.readers)].mean(1)[:, prefix:].reshape(-1, rows, rows)


def attention(module: Any, tokens: Tensor) -> Tensor:
    """(B, T, D) to (B, heads, T, T): the softmax of q k / sqrt(d)."""
    if isinstance(module, nn.MultiheadAttention):
        both, heads = tokens @ module.in_proj_weight.T + module.in_proj_bias, module.num_heads
    else:
        both, heads = module.qkv(tokens), module.num_heads
    q, k, _ = both.chunk(3, -1)
    size = q.shape[-1] // heads
    q, k = (one.unflatten(-1, (heads, size)).transpose(1, 2) for one in (q, k))
    scores = (q @ k.transpose(-1, -2) / size**0.5).exp()
    return scores / scores.sum(-1, keepdim=True)


TWINS: dict[str, Callable[..., Tensor]] = {
    made.__name__: made
    for made in (
        cam,
        gradcam,
        gradcam_pp,
        smoothgradcam_pp,
        layercam,
        xgradcam,
        scorecam,
        ablationcam,
        lafam,
        eigencam,
        rise,
        rollout,
    )
}

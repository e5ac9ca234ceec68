"""Naive twins of the methods of further passes: at the input, at noisy inputs, at biases, at other scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.reference.method_case import MEAN, STD, Array, Case, bilinear, gaussian, relu, stretch
from tests.reference.methods_one_pass import gradcam, gradcam_pp, hirescam, layercam, weighted
from tests.reference.tape import deeplift, input_signal
from tests.reference.twins import compare, float64_only


def reduced(signal: Array, reduce: str = "max", abs: bool = True, smooth_sigma: float = 0.0) -> Array:  # noqa: A002
    """The options of methods that score pixels: color channels to one map, and a blur."""
    signal = np.abs(signal) if abs else signal
    raw = {"l2": np.sqrt((signal**2).sum(0)), "max": signal.max(0), "sum": signal.sum(0)}[reduce]
    return gaussian(raw, smooth_sigma, round(4 * smooth_sigma)) if smooth_sigma else raw


@compare()
@compare("vgg", reduce="l2", smooth_sigma=1.5)
@compare("vgg", reduce="sum", abs=False)
def vanillagrad(case: Case, **pixels: Any) -> Array:
    return reduced(input_signal(case.net.module, case.image, case.target, "plain"), **pixels)


@compare()
@compare("gap", reduce="sum", abs=False, smooth_sigma=1.0)
def deconvnet(case: Case, **pixels: Any) -> Array:
    return reduced(input_signal(case.net.module, case.image, case.target, "deconvnet"), **pixels)


@compare()
@compare("gap", reduce="l2", abs=False, smooth_sigma=1.0)
def guidedbackprop(case: Case, **pixels: Any) -> Array:
    return reduced(input_signal(case.net.module, case.image, case.target, "guided"), **pixels)


@compare()
@compare("vgg", up="nearest")
@compare("gap", reduce="sum", abs=False, smooth_sigma=1.0)
def guidedgradcam(case: Case, *, up: str = "bilinear", **pixels: Any) -> Array:
    coarse = gradcam(case)
    h, w = case.size
    if up == "bilinear":
        fine = bilinear(coarse, (h, w))
    else:
        fine = np.array(
            [[coarse[i * coarse.shape[0] // h, j * coarse.shape[1] // w] for j in range(w)] for i in range(h)]
        )
    return reduced(input_signal(case.net.module, case.image, case.target, "guided") * fine, **pixels)


@compare()
@compare("vgg", reduce="l2", abs=False, smooth_sigma=1.0)
def inputxgrad(case: Case, *, reduce: str = "sum", **pixels: Any) -> Array:
    return reduced(case.image * case.gradient(case.image, "input"), reduce, **pixels)


def noisy(case: Case, samples: int, noise: float) -> list[Array]:
    random = case.random("noise")
    width = noise * (case.image.max() - case.image.min())
    return [
        case.image + width * torch.randn(case.image.shape, generator=random, dtype=torch.float64).numpy()
        for _ in range(samples)
    ]


@compare(samples=3)
@compare("vgg", samples=3, statistic="squared")
@compare("vgg", samples=3, statistic="var")
@compare("gap", samples=2, noise=0.4, reduce="sum", abs=False, smooth_sigma=1.0)
def smoothgrad(case: Case, *, samples: int = 25, noise: float = 0.15, statistic: str = "mean", **pixels: Any) -> Array:
    gradients = np.array([case.gradient(x, "input") for x in noisy(case, samples, noise)])
    signal = {"mean": gradients.mean(0), "squared": (gradients**2).mean(0), "var": gradients.var(0)}[statistic]
    return reduced(signal, **pixels)


@compare(samples=3)
@compare(samples=3, numerator="d2")
@compare("vgg", samples=2, noise=0.4)
def smoothgradcam_pp(case: Case, *, samples: int = 25, noise: float = 0.15, numerator: str = "d1") -> Array:
    gradients = np.array([case.gradient(x) for x in noisy(case, samples, noise)])
    d1, d2, d3 = (np.mean(gradients**power, axis=0) for power in (1, 2, 3))
    weights = []
    for k, a in enumerate(case.a):
        w = 0.0
        for i, j in np.ndindex(a.shape):
            below = 2 * d2[k, i, j] + a.sum() * d3[k, i, j]
            if below != 0:
                w += {"d1": d1, "d2": d2}[numerator][k, i, j] / below * max(d1[k, i, j], 0.0)
        weights.append(w)
    return relu(weighted(case, weights))


@compare(steps=4)
@compare("vgg", steps=4, baseline="blur", reduce="max")
@compare("gap", steps=2, abs=False, smooth_sigma=1.0)
def integratedgradients(
    case: Case, *, steps: int = 50, baseline: str = "zero", reduce: str = "sum", **pixels: Any
) -> Array:
    sigma = 10 / 224 * min(case.size)
    start = np.zeros_like(case.image)
    if baseline == "blur":
        start = np.stack([gaussian(c, sigma, round(4 * sigma)) for c in case.image])
    points = [start + (s + 0.5) / steps * (case.image - start) for s in range(steps)]
    mean = sum(case.gradient(p, "input") for p in points) / steps
    return reduced((case.image - start) * mean, reduce, **pixels)


def biased(net: nn.Module) -> list[tuple[str, Array]]:
    found = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            found.append((name, module.bias.detach().numpy()))
        elif isinstance(module, nn.BatchNorm2d):
            at_zero = (0 - module.running_mean) / torch.sqrt(module.running_var + module.eps)
            found.append((name, (at_zero * module.weight + module.bias).detach().numpy()))
    return found


@compare()
def fullgrad(case: Case, *, biases: bool = True) -> Array:
    total = stretch(np.abs(case.image * case.gradient(case.image, "input"))).sum(0)
    for name, bias in biased(case.net.module):
        part = case.gradient(case.image, name)
        part = stretch(np.abs(part * bias[:, None, None] if biases else part))
        for channel in part:
            total = total + bilinear(channel, case.size, corners=True)
    return total


@compare()
def simple_fullgrad(case: Case) -> Array:
    return fullgrad(case, biases=False)


VGG_PLACES = {"features.1": 1, "features.4": 4, "features.7": 7}


@compare("vgg", "features.7")
@compare("vgg", "features.4")
def liftcam(case: Case) -> Array:
    """Only for a TinyVGG: the multipliers are written out by hand."""
    multipliers = deeplift(case.net.module, VGG_PLACES[case.layer], case.a, case.target)
    return relu(weighted(case, [float((a * m).sum()) for a, m in zip(case.a, multipliers, strict=True)]))


def other_score(case: Case, score: Callable[[torch.Tensor], torch.Tensor]) -> Case:
    _, gradient = case.net.forward_backward(case.image, case.layer, score)
    return Case(case.net, case.image, case.target, case.layer, case.a, gradient, case.head, case.image_id, case.seed)


@compare()
@compare(base="layercam", alpha=0.6, references=2)
@compare(weighted=False)
def finercam(
    case: Case, *, base: str = "gradcam", alpha: float = 1.0, references: int = 3, weighted: bool = True
) -> Array:
    """As the authors' code has it: the sum over similar classes of p_t (y_c - alpha y_t), over that of p_t."""
    logits = case.logits
    others = [c for c in range(len(logits)) if c != case.target]
    near = sorted(others, key=lambda c: (abs(logits[c] - logits[case.target]), c))[:references]

    def score(y: torch.Tensor) -> torch.Tensor:
        shares = torch.softmax(y, 0) if weighted else torch.ones_like(y)
        return sum(shares[c] * (y[case.target] - alpha * y[c]) for c in near) / sum(shares[c] for c in near)

    bases = {"gradcam": gradcam, "gradcam_pp": gradcam_pp, "layercam": layercam, "hirescam": hirescam}
    return bases[base](other_score(case, score))


@compare()
@compare("gap", score="logprob")
@compare(pooled=False)
def shapleycam(case: Case, *, score: str = "rest", pooled: bool = True) -> Array:
    def of(y: torch.Tensor) -> torch.Tensor:
        sure = torch.log_softmax(y, 0)[case.target]
        return {"rest": y[case.target] + sure, "logit": y[case.target], "logprob": sure}[score]

    image = torch.from_numpy(case.image)
    flat = torch.from_numpy(case.a).flatten()

    def from_layer(a: torch.Tensor) -> torch.Tensor:
        return of(case.net.from_layer(image, case.layer, a.reshape(case.a.shape)))

    gradient = torch.autograd.functional.jacobian(from_layer, flat).numpy()
    hessian = torch.autograd.functional.hessian(from_layer, flat).numpy()
    corrected = (gradient - hessian @ flat.numpy() / 2).reshape(case.a.shape)
    if not pooled:
        return sum(relu(c * a) for c, a in zip(corrected, case.a, strict=True))
    return relu(weighted(case, [float(c.mean()) for c in corrected]))


@float64_only
@compare(iterations=4)
@compare("vgg", iterations=4, score="prob", rate=0.5)
@compare(iterations=20, tolerance=0.02)
@compare("gap", iterations=5, hidden="black", keep="last")
@compare("vgg", iterations=3, hidden="black", score="prob")
@compare(iterations=20, rate=2.0, keep="last")
def opticam(
    case: Case,
    *,
    iterations: int = 50,
    rate: float = 0.1,
    score: str = "logit",
    tolerance: float = 0.0,
    hidden: str = "mean",
    keep: str = "best",
) -> Array:
    """One graph from the weights through the network; black hides pixels in [0, 1] before they are normalized."""
    mean, std = torch.tensor(MEAN).double()[:, None, None], torch.tensor(STD).double()[:, None, None]
    a, image = torch.from_numpy(relu(case.a)), torch.from_numpy(case.image)
    w = torch.full((len(a),), 0.5, dtype=torch.float64, requires_grad=True)
    slope = curve = torch.zeros(len(a), dtype=torch.float64)
    best, top, last, checked = None, -np.inf, None, -np.inf
    for step in range(1, iterations + 1):
        m = (torch.softmax(w, 0)[:, None, None] * a).sum(0)
        up = nn.functional.interpolate(m[None, None], size=case.size, mode="bilinear", align_corners=False)[0, 0]
        mask = (up - up.min()) / (up.max() - up.min())
        shown = ((image * std + mean) * mask - mean) / std if hidden == "black" else image * mask
        logits = case.net.module(shown[None])[0]
        value = (logits.softmax(0) if score == "prob" else logits)[case.target]
        if value.item() > top:
            top, best = value.item(), m.detach().numpy()
        if last is not None and abs(value.item() - last) < tolerance * abs(last):
            break
        if keep == "last" and (step - 1) % max(1, iterations // 10) == 0:
            if value.item() < checked:
                break
            checked = value.item()
        last = value.item()
        (gradient,) = torch.autograd.grad(value, w)
        slope = 0.9 * slope + 0.1 * gradient
        curve = 0.999 * curve + 0.001 * gradient**2
        with torch.no_grad():
            w += rate * (slope / (1 - 0.9**step)) / ((curve / (1 - 0.999**step)) ** 0.5 + 1e-8)
    if keep == "last":
        return (torch.softmax(w, 0)[:, None, None] * a).sum(0).detach().numpy()
    assert best is not None
    return best


def bicubic(m: Array, size: tuple[int, int]) -> Array:
    """(H, W) to `size`: Keys' kernel with a = -0.75 over four cells a side, the border repeated."""

    def weights(old: int, new: int) -> Array:
        out = np.zeros((new, old))
        for i in range(new):
            at = (i + 0.5) * old / new - 0.5
            for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
                x, a = abs(at - j), -0.75
                near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
                out[i, min(max(j, 0), old - 1)] += near if x <= 1 else far
        return out

    return weights(m.shape[0], size[0]) @ m @ weights(m.shape[1], size[1]).T


@compare("vgg", scales=3, largest=2.5)
@compare("vgg", scales=2, largest=1.5, size="input", images="bicubic")
def cameras(
    case: Case, *, scales: int = 8, largest: float = 4.125, size: str = "layer", images: str = "bilinear"
) -> Array:
    resize = {"bilinear": bilinear, "bicubic": bicubic}[images]
    passes = []
    for s in range(scales):
        factor = 1 + (largest - 1) * s / (scales - 1)
        sides = round(case.size[0] * factor), round(case.size[1] * factor)
        image = np.stack([resize(c, sides) if sides != case.size else c for c in case.image])
        passes.append(case.net.forward_backward(image, case.layer, lambda y: y[case.target]))
    target = case.size if size == "input" else passes[-1][0].shape[1:]
    total = np.zeros(target)
    for k in range(len(case.a)):
        a = sum(bilinear(one[0][k], target) for one in passes) / scales
        g = sum(bilinear(one[1][k], target) for one in passes) / scales
        total = total + a * g
    return relu(total)


@compare()
@compare("vgg", base="layercam")
def tta(case: Case, *, base: str = "gradcam") -> Array:
    bases = {"gradcam": gradcam, "layercam": layercam}
    maps = []
    for scale in (1.1, 1.0, 0.9):
        size = round(case.size[0] * scale), round(case.size[1] * scale)
        resized = np.stack([bilinear(c, size) for c in case.image])
        for step in (1, -1):
            image = np.ascontiguousarray(resized[:, :, ::step])
            a, g = case.net.forward_backward(image, case.layer, lambda y: y[case.target])
            own = Case(case.net, image, case.target, case.layer, a, g, case.head, case.image_id, case.seed)
            maps.append(bases[base](own)[:, ::step])
    size = maps[0].shape
    return np.mean([bilinear(m, size) for m in maps], axis=0)

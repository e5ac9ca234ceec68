"""Backward passes written out by hand, for chains of convolutions, batch norms, ReLUs, 2x2 max pools and linear layers.

A step's backward rule is chosen by name, so that changed ReLU rules and DeepLIFT can be checked against code without
autograd.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tests.reference.method_case import Array

Step = nn.Module | str
Tape = list[tuple[Step, Array]]


def run(steps: list[Step], x: Array) -> tuple[Array, Tape]:
    """(K, H, W) through the steps; the tape keeps each step's input."""
    tape: Tape = []
    for step in steps:
        tape.append((step, x))
        x = forward(step, x)
    return x, tape


def forward(step: Step, x: Array) -> Array:
    if step == "relu":
        return np.where(x > 0, x, 0.0)
    if step == "flatten":
        return x.ravel()
    if step == "mean":
        return x.mean((1, 2))
    if step == "pool":
        k, h, w = x.shape
        out = np.zeros((k, h // 2, w // 2))
        for c, i, j in np.ndindex(out.shape):
            out[c, i, j] = x[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
        return out
    assert isinstance(step, nn.Module)
    with torch.no_grad():
        return step(torch.from_numpy(np.ascontiguousarray(x))[None])[0].numpy()


def backward(tape: Tape, signal: Array, rule: str, reference: Tape | None = None) -> Array:
    """What comes back at the first step's input; `reference` is the tape of the reference input for rule "deeplift"."""
    for place in reversed(range(len(tape))):
        step, x = tape[place]
        other = reference[place][1] if reference is not None else None
        if step == "relu":
            signal = relu_back(x, signal, rule, other)
        elif step == "pool":
            signal = pool_back(x, signal, other)
        elif step == "flatten":
            signal = signal.reshape(x.shape)
        elif step == "mean":
            signal = np.broadcast_to(signal[:, None, None] / x[0].size, x.shape).copy()
        elif isinstance(step, nn.Linear):
            signal = signal @ step.weight.detach().numpy()
        elif isinstance(step, nn.BatchNorm2d):
            scale = step.weight.detach().numpy() / np.sqrt(step.running_var.numpy() + step.eps)
            signal = signal * scale[:, None, None]
        else:
            assert isinstance(step, nn.Conv2d)
            signal = conv_back(step, x, signal)
    return signal


def conv_back(conv: nn.Conv2d, x: Array, signal: Array) -> Array:
    """Each output cell sends its signal back along the weights it was computed with."""
    weight = conv.weight.detach().numpy()
    pad, stride, side = conv.padding[0], conv.stride[0], conv.kernel_size[0]
    grown = np.zeros((x.shape[0], x.shape[1] + 2 * pad, x.shape[2] + 2 * pad))
    for i, j in np.ndindex(signal.shape[1:]):
        y, z = i * stride, j * stride
        grown[:, y : y + side, z : z + side] += np.tensordot(signal[:, i, j], weight, 1)
    return grown[:, pad : pad + x.shape[1], pad : pad + x.shape[2]]


def relu_back(x: Array, signal: Array, rule: str, other: Array | None) -> Array:
    passed = (x > 0).astype(float)
    if rule == "plain":
        return signal * passed
    if rule == "deconvnet":
        return np.where(signal > 0, signal, 0.0)
    if rule == "guided":
        return np.where(signal > 0, signal, 0.0) * passed
    assert rule == "deeplift"
    assert other is not None
    out = np.zeros_like(signal)
    for at in np.ndindex(x.shape):
        change = x[at] - other[at]
        slope = (max(x[at], 0.0) - max(other[at], 0.0)) / change if change != 0 else passed[at]
        out[at] = signal[at] * slope
    return out


def pool_back(x: Array, signal: Array, other: Array | None) -> Array:
    """To the first winner of each window; with a reference, in proportion to what each side's winner changed."""
    out = np.zeros_like(x)
    for c, i, j in np.ndindex(signal.shape):
        window = (c, slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
        ours = np.unravel_index(x[window].argmax(), (2, 2))
        if other is None:
            out[window][ours] += signal[c, i, j]
            continue
        theirs = np.unravel_index(other[window].argmax(), (2, 2))
        change = x[window] - other[window]
        top = max(x[window].max(), other[window].max())
        for winner, rise in ((ours, top - other[window].max()), (theirs, x[window].max() - top)):
            if change[winner] != 0:
                out[window][winner] += signal[c, i, j] * rise / change[winner]
            elif winner == ours:
                out[window][winner] += signal[c, i, j]
    return out


def vgg_steps(net: nn.Module) -> list[Step]:
    """The chain of a TinyVGG; its average pool is the identity at 32 pixels, and dropout does nothing."""
    steps: list[Step] = []
    for module in [*net.features, "flatten", *net.classifier]:
        if isinstance(module, nn.ReLU):
            steps.append("relu")
        elif isinstance(module, nn.MaxPool2d):
            steps.append("pool")
        elif not isinstance(module, nn.Dropout):
            steps.append(module)
    return steps


def input_signal(net: nn.Module, image: Array, target: int, rule: str) -> Array:
    """(3, h, w) what comes back at the image, for a TinyVGG or a TinyGAP."""
    if hasattr(net, "features"):
        logits, tape = run(vgg_steps(net), image)
        return backward(tape, np.eye(len(logits))[target], rule)
    first, before = run([net.stem[0], net.stem[1], "relu", *net.wide, "relu"], image)
    side, branch = run(list(net.branch), first)
    logits, after = run(["relu", "mean", net.fc], first + side)
    signal = backward(after, np.eye(len(logits))[target], rule)
    return backward(before, signal + backward(branch, signal, rule), rule)


def deeplift(net: nn.Module, place: int, activation: Array, target: int) -> Array:
    """(K, H, W) multipliers of a TinyVGG from the output of step `place` on, against zeros."""
    steps = vgg_steps(net)[place + 1 :]
    logits, ours = run(steps, activation)
    _, theirs = run(steps, np.zeros_like(activation))
    return backward(ours, np.eye(len(logits))[target], "deeplift", theirs)

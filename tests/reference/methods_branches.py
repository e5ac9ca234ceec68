"""Naive twins of methods that read a network's own branches."""

from __future__ import annotations

import numpy as np
import torch

from tests.reference.method_case import Array
from tests.reference.training import OVERLAPPING, State, body, branch
from tests.reference.twins import compare


@compare("acol")
@compare("acol", threshold=0.4)
def acol(state: State, image: Array, target: int, *, threshold: float = 0.7) -> Array:
    features = torch.nn.functional.avg_pool2d(body(state, OVERLAPPING, torch.from_numpy(image)[None]), 3, 1, 1)
    first = stretched(branch(state, "classifier_A", features)[0, target].numpy())
    left = features.clone()
    for i, j in np.ndindex(first.shape):
        if first[i, j] >= threshold:
            left[0, :, i, j] = 0
    second = stretched(branch(state, "classifier_B", left)[0, target].numpy())
    out = np.zeros(first.shape)
    for i, j in np.ndindex(out.shape):
        out[i, j] = max(first[i, j], second[i, j])
    return out


def stretched(m: Array) -> Array:
    return (m - m.min()) / (m.max() - m.min())

"""pytorch-grad-cam's methods as one of its users runs them, and our own on the same images."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wsol.methods._base import methods
from wsol.models.query import ModelQuery
from wsol.models.zoo import load_classifier
from wsol.testing import layer_features

Maps = NDArray[np.float32]
BATCH = 16  # forwards at a time, of both sides


def network(name: str, device: str, *, channels_last: bool) -> nn.Module:
    """Seeded random weights; the peer's in torch's own layout, as its users have it, ours as the suite lays it out."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 is what is compared
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return load_classifier(name, weights="random").module.to(device).to(memory_format=layout).eval()


def image(side: int, device: str) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 3, 9, 9, generator=draw)
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").to(device)


def peer(name: str, module: nn.Module, layer: str, images: Tensor, target: int) -> Callable[[], Maps]:
    """A call of pytorch-grad-cam's class; its progress bars go nowhere."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    cam = getattr(pytorch_grad_cam, name)(model=module, target_layers=[module.get_submodule(layer)])
    cam.batch_size = BATCH

    def call() -> Maps:
        with silent():
            return np.asarray(cam(input_tensor=images, targets=[ClassifierOutputTarget(target)]))

    return call


def ours(
    key: str,
    module: nn.Module,
    layer: str,
    images: Tensor,
    target: int,
    *,
    options: dict[str, Any] | None = None,
    chunk: int = BATCH,
    **query: Any,
) -> Callable[[], Tensor]:
    """A call of our method, its own forward pass included; (1, h, w)."""
    method = methods[key](**(options or {}))
    laid = images.contiguous(memory_format=torch.channels_last)
    asked = ModelQuery(module, chunk=chunk, **query)

    def call() -> Tensor:
        import dataclasses

        (features,) = layer_features(module, laid, [target], [layer], gradients=False, chunk=chunk)
        raw: Tensor = method(dataclasses.replace(features, query=asked))
        return raw

    return call


def correlation(theirs: Maps, raw: Tensor) -> float:
    """Of a peer's map at input size and ours, resized as the peer resizes it."""
    size = (theirs.shape[2], theirs.shape[1])
    own = cv2.resize(raw[0].clamp(min=0).float().cpu().numpy(), size)
    return float(np.corrcoef(own.ravel(), theirs[0].ravel())[0, 1])


@contextmanager
def silent() -> Iterator[None]:
    with redirect_stderr(StringIO()):
        yield
    sys.stderr.flush()

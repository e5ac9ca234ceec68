"""Other libraries' own implementations as methods: pytorch-grad-cam, torch-cam and captum (extra ``peers``).

`peer.gradcam.GradCAM` runs pytorch-grad-cam's class as it is, post-processing and all; so its rows say what a user of
that library gets. Only installed libraries are listed. `wsol parity` compares them with ours.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from wsol.methods._base import LayerFeatures, method

if TYPE_CHECKING:
    from torch import Tensor

LIBRARIES = {"gradcam": "pytorch_grad_cam", "torchcam": "torchcam", "captum": "captum"}

# Class names to take over, with what they need beyond the shared pass, in words.
CLASSES = {
    "gradcam": {
        "GradCAM": "1F + 1B",
        "GradCAMPlusPlus": "1F + 1B",
        "XGradCAM": "1F + 1B",
        "HiResCAM": "1F + 1B",
        "GradCAMElementWise": "1F + 1B",
        "LayerCAM": "1F + 1B",
        "EigenCAM": "1F + 1B",
        "EigenGradCAM": "1F + 1B",
        "KPCA_CAM": "1F + 1B",
        "ScoreCAM": "1F + K F",
        "AblationCAM": "1F + K F",
        "FullGrad": "1F + 1B",
        "ShapleyCAM": "1F + 2B",
        "FinerCAM": "1F + 1B",
    },
    "torchcam": {
        "CAM": "1F",
        "GradCAM": "1F + 1B",
        "GradCAMpp": "1F + 1B",
        "XGradCAM": "1F + 1B",
        "LayerCAM": "1F + 1B",
        "SmoothGradCAMpp": "1F + samples (F + B)",
        "ScoreCAM": "1F + K F",
        "SSCAM": "1F + samples K F",
        "ISCAM": "1F + samples K F",
    },
    "captum": {
        "LayerGradCam": "1F + 1B",
        "Saliency": "1F + 1B",
        "InputXGradient": "1F + 1B",
        "GuidedBackprop": "1F + 1B",
        "Deconvolution": "1F + 1B",
        "GuidedGradCam": "2F + 2B",
        "IntegratedGradients": "1F + 50 (F + B)",
    },
}
INPUT_SPACE = {"Saliency", "InputXGradient", "GuidedBackprop", "Deconvolution", "IntegratedGradients", "FullGrad"}
YEARS = {"gradcam": 2021, "torchcam": 2020, "captum": 2019}


def _pytorch_grad_cam(name: str, layer: LayerFeatures) -> Tensor:
    """pytorch-grad-cam, its numpy result at input size: ReLU and min-max are its own."""
    import torch

    library = importlib.import_module("pytorch_grad_cam")
    targets = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    modules = [layer.query.module] if name == "FullGrad" else [layer.query.module.get_submodule(layer.name)]
    chosen = [targets.ClassifierOutputTarget(int(t)) for t in layer.targets]
    with getattr(library, name)(model=layer.query.module, target_layers=modules) as extractor:
        try:
            return torch.from_numpy(extractor(input_tensor=layer.images, targets=chosen)).to(layer.images)
        finally:
            layer.query.module.zero_grad(set_to_none=True)  # its backward leaves a gradient at every weight


def _torchcam(name: str, layer: LayerFeatures) -> Tensor:
    """torch-cam, its result at layer size, an image at a time: its Score-CAM family takes no more."""
    import torch

    library = importlib.import_module("torchcam.methods")
    shape = tuple(layer.images.shape[1:])
    maps = []
    for image, target in zip(layer.images, layer.targets, strict=True):
        with getattr(library, name)(layer.query.module, target_layer=layer.name, input_shape=shape) as extractor:
            scores = layer.query.module(image[None].clone().requires_grad_())
            maps.append(extractor(int(target), scores)[0].detach().reshape(1, *layer.activations.shape[-2:]))
    return torch.cat(maps).to(layer.images)


def _captum(name: str, layer: LayerFeatures) -> Tensor:
    """captum; colour channels are reduced by the largest absolute value, as our input-space methods do."""
    import torch

    library = importlib.import_module("captum.attr")
    inputs = layer.images.clone().requires_grad_()
    if name == "LayerGradCam":
        module = layer.query.module.get_submodule(layer.name)
        found = library.LayerGradCam(layer.query.module, module).attribute(
            inputs, layer.targets, relu_attributions=True
        )
        return torch.as_tensor(found).detach()[:, 0]
    if name == "GuidedGradCam":
        module = layer.query.module.get_submodule(layer.name)
        found = library.GuidedGradCam(layer.query.module, module).attribute(
            inputs, layer.targets, interpolate_mode="bilinear"
        )
    else:
        found = getattr(library, name)(layer.query.module).attribute(inputs, target=layer.targets)
    return torch.as_tensor(found).detach().abs().amax(1)


RUNNERS: dict[str, Callable[[str, LayerFeatures], Tensor]] = {
    "gradcam": _pytorch_grad_cam,
    "torchcam": _torchcam,
    "captum": _captum,
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' warnings about hooks and requires_grad, which are about their own doings."""
    import torch

    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        yield


def _register(library: str, name: str, cost: str) -> None:
    def call(self: Any, layer: LayerFeatures) -> Tensor:
        with _quiet():
            return RUNNERS[library](name, layer)

    doc = f"""{name} as {LIBRARIES[library]} computes it, its own post-processing included.

    Not ours: a row for comparison. See `wsol parity`.
    """
    made = type(name, (), {"__doc__": doc, "__module__": __name__, "__call__": call, "__annotations__": {}})
    layers = "input" if name in INPUT_SPACE else "last"
    needs = ("model",) if layers == "input" else ("activations", "model")
    paper = f"{LIBRARIES[library]}, its own {name}"
    method(f"peer.{library}.{name}", paper=paper, year=YEARS[library], needs=needs, layers=layers, cost=cost)(made)  # type: ignore[arg-type]


for _library, _classes in CLASSES.items():
    if find_spec(LIBRARIES[_library]) is not None:
        for _name, _cost in _classes.items():
            _register(_library, _name, _cost)

"""Other libraries' own implementations as methods: pytorch-grad-cam, torch-cam and captum (extra ``peers``).

`peer.gradcam.GradCAM` runs pytorch-grad-cam's class as it is, post-processing and all; so its rows say what a user of
that library gets. Only installed libraries are listed. `wsol parity` compares them with ours; in a run:

    wsol run --with benchmarks/parity/peers.py 'method=[layercam,peer.torchcam.LayerCAM]'
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._base import Need


@dataclass(frozen=True, slots=True)
class Library:
    """A library: the package to import, the year of its methods, and how one of its classes is run."""

    package: str
    year: int
    run: Callable[[str, LayerFeatures], Tensor]


@dataclass(frozen=True, slots=True)
class Peer:
    """One class of a library, and our method beside it.

    Attributes
    ----------
    library, name : a key of `LIBRARIES`, and the class's name.
    ours, options : our method, and the options under which it computes the same.
    difference : the known reason where the two differ; empty where the rule is the same.
    cost : what it needs beyond the shared pass, in words.
    layers : ``input`` where the map is of the input and not of a layer.
    head : it needs a linear head.
    """

    library: str
    name: str
    ours: str
    difference: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    cost: str = "1F + 1B"
    layers: str = "last"
    head: bool = False

    @property
    def key(self) -> str:
        return f"peer.{self.library}.{self.name}"


def _pytorch_grad_cam(name: str, layer: LayerFeatures) -> Tensor:
    """pytorch-grad-cam, its NumPy result at input size: ReLU and min-max are its own."""
    library = importlib.import_module("pytorch_grad_cam")
    targets = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    module = layer.query.module
    layers = [module] if layer.name == "input" else [module.get_submodule(layer.name)]
    chosen = [targets.ClassifierOutputTarget(int(t)) for t in layer.targets]
    with getattr(library, name)(model=module, target_layers=layers) as extractor:
        try:
            if name == "FinerCAM":  # given targets, it is its base method; else it takes one class for all images
                each = zip(layer.images, layer.targets, strict=True)
                maps = [extractor(input_tensor=image[None], target_idx=int(target)) for image, target in each]
            else:
                maps = [extractor(input_tensor=layer.images, targets=chosen)]
            return torch.cat([torch.from_numpy(one) for one in maps]).to(layer.images)
        finally:
            module.zero_grad(set_to_none=True)  # its backward leaves a gradient at every weight


def _torchcam(name: str, layer: LayerFeatures) -> Tensor:
    """torch-cam, its result at layer size, one image at a time: its Score-CAM family takes no more."""
    library = importlib.import_module("torchcam.methods")
    shape = tuple(layer.images.shape[1:])
    maps = []
    for image, target in zip(layer.images, layer.targets, strict=True):
        with getattr(library, name)(layer.query.module, target_layer=layer.name, input_shape=shape) as extractor:
            scores = layer.query.module(image[None].clone().requires_grad_())
            maps.append(extractor(int(target), scores)[0].detach().reshape(1, *layer.activations.shape[-2:]))
    return torch.cat(maps).to(layer.images)


def _captum(name: str, layer: LayerFeatures) -> Tensor:
    """captum; color channels are reduced by the largest absolute value, as our input-space methods do."""
    library = importlib.import_module("captum.attr")
    inputs, module = layer.images.clone().requires_grad_(), layer.query.module
    if layer.name == "input":
        attributions = getattr(library, name)(module).attribute(inputs, target=layer.targets)
        return torch.as_tensor(attributions).detach().abs().amax(1)
    options = CAPTUM_LAYERS[name]
    attributions = getattr(library, name)(module, module.get_submodule(layer.name)).attribute(
        inputs, layer.targets, **options
    )
    return torch.as_tensor(attributions).detach().abs().amax(1)


CAPTUM_LAYERS: dict[str, dict[str, Any]] = {
    "LayerGradCam": {"relu_attributions": True},
    "GuidedGradCam": {"interpolate_mode": "bilinear"},
}
LIBRARIES = {
    "gradcam": Library("pytorch_grad_cam", 2021, _pytorch_grad_cam),
    "torchcam": Library("torchcam", 2020, _torchcam),
    "captum": Library("captum", 2019, _captum),
}

EPSILON = "the same rule; its epsilon is inside"
SIGN = "the sign of a component is arbitrary"
COLOR = {"reduce": "max"}  # how the captum rows reduce color channels
LOGIT = {"score": "logit"}
EARLY = {**LOGIT, "mask_order": "norm_before_up"}  # torch-cam's masks
PEERS = (
    Peer("gradcam", "GradCAM", "gradcam"),
    Peer("torchcam", "GradCAM", "gradcam"),
    Peer("captum", "LayerGradCam", "gradcam"),
    Peer("gradcam", "GradCAMPlusPlus", "gradcam_pp", "absolute 1e-6 in the denominator swamps small gradients"),
    Peer("torchcam", "GradCAMpp", "gradcam_pp", "its division acts on a copy: weights are sum g^2 ReLU(g)"),
    Peer("gradcam", "XGradCAM", "xgradcam", EPSILON),
    Peer("torchcam", "XGradCAM", "xgradcam", EPSILON),
    Peer("gradcam", "HiResCAM", "hirescam", "the same rule; ReLU on the sum is its own (here ours is cut too)"),
    Peer("gradcam", "GradCAMElementWise", "elementwise"),
    Peer("gradcam", "LayerCAM", "layercam"),
    Peer("torchcam", "LayerCAM", "layercam"),
    Peer("torchcam", "CAM", "cam", cost="1F", head=True),
    Peer("gradcam", "EigenCAM", "eigencam", f"centers over space and {SIGN}: may be inverted"),
    Peer("gradcam", "EigenGradCAM", "eigengradcam", f"centers over space and {SIGN}"),
    Peer("gradcam", "KPCA_CAM", "kpcacam"),
    Peer("gradcam", "ScoreCAM", "scorecam", "masks upsampled with corners aligned", LOGIT, cost="1F + K F"),
    Peer("torchcam", "ScoreCAM", "scorecam", options=EARLY, cost="1F + K F"),
    Peer("torchcam", "SSCAM", "sscam", "the same rule; its noise is drawn anew", EARLY, cost="1F + samples K F"),
    Peer("torchcam", "ISCAM", "iscam", options={**EARLY, "fractions": "running_sum"}, cost="1F + samples K F"),
    Peer(
        "gradcam",
        "AblationCAM",
        "ablationcam",
        "weights in float32; signed layers are not set to zero but to min - 1e7",
        cost="1F + K F",
    ),
    Peer("gradcam", "FullGrad", "fullgrad", "min-max of every channel rather than of the layer", layers="input"),
    Peer("gradcam", "ShapleyCAM", "shapleycam", options=LOGIT, cost="1F + 2B"),
    Peer("gradcam", "FinerCAM", "finercam", EPSILON),
    Peer(
        "torchcam",
        "SmoothGradCAMpp",
        "smoothgradcam_pp",
        "other noise, sum(A D3) in the denominator, gradient and activation of the last noisy image",
        {"numerator": "d2", "samples": 4},
        cost="1F + samples (F + B)",
    ),
    Peer("captum", "Saliency", "vanillagrad", layers="input"),
    Peer("captum", "InputXGradient", "inputxgrad", options=COLOR, layers="input"),
    Peer("captum", "GuidedBackprop", "guidedbackprop", options=COLOR, layers="input"),
    Peer("captum", "Deconvolution", "deconvnet", options=COLOR, layers="input"),
    Peer("captum", "GuidedGradCam", "guidedgradcam", options=COLOR, cost="2F + 2B"),
    Peer(
        "captum",
        "IntegratedGradients",
        "integratedgradients",
        "Gauss-Legendre points rather than the midpoint rule",
        COLOR,
        cost="1F + 50 (F + B)",
        layers="input",
    ),
)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' warnings about hooks and requires_grad; what they print goes to stderr."""
    with warnings.catch_warnings(), redirect_stdout(sys.stderr), torch.enable_grad():
        warnings.simplefilter("ignore")
        yield


def _register(peer: Peer) -> None:
    library = LIBRARIES[peer.library]

    def call(self: Any, layer: LayerFeatures) -> Tensor:
        with _quiet():
            return library.run(peer.name, layer)

    doc = f"""{peer.name} as {library.package} computes it, its own post-processing included.

    Not ours: a row for comparison. See `wsol parity`.
    """
    cls = type(peer.name, (), {"__doc__": doc, "__module__": __name__, "__call__": call, "__annotations__": {}})
    needs: list[Need] = ["model"]
    needs += ["activations"] if peer.layers != "input" else []
    needs += ["head"] if peer.head else []
    paper = f"{library.package}, its own {peer.name}"
    method(peer.key, paper=paper, year=library.year, needs=needs, layers=peer.layers, cost=peer.cost)(cls)


INSTALLED = tuple(peer for peer in PEERS if find_spec(LIBRARIES[peer.library].package) is not None)
for _peer in INSTALLED:
    _register(_peer)

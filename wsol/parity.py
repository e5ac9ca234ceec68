"""Our methods beside other libraries' own, on the same images: how far apart, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol.localization.iou import iou
from wsol.localization.localize import ImageMap, boxes_along
from wsol.localization.normalize import normalize
from wsol.localization.resize import resize
from wsol.methods._variants import Variant, expand, takes_layers
from wsol.protocols._base import protocols
from wsol.views import view_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.maps.extractor import MapExtractor

TAU = 0.2  # of the maximum: CAM's threshold (Zhou et al., 2016); where the compared boxes are taken

EPSILON = "the same rule; its epsilon is inside"


@dataclass(frozen=True, slots=True)
class Pair:
    """One of ours beside one of theirs, and the known reason where they differ."""

    ours: str
    theirs: str
    reason: str = "the same rule"
    options: Mapping[str, Any] = field(default_factory=dict)


COLOUR = {"reduce": "max"}  # how the captum rows reduce colour channels
LOGIT = {"score": "logit"}
PAIRS = (
    Pair("gradcam", "peer.gradcam.GradCAM"),
    Pair("gradcam", "peer.torchcam.GradCAM"),
    Pair("gradcam", "peer.captum.LayerGradCam"),
    Pair("gradcam_pp", "peer.gradcam.GradCAMPlusPlus", "absolute 1e-6 in the denominator swamps small gradients"),
    Pair("gradcam_pp", "peer.torchcam.GradCAMpp", "its division acts on a copy: weights are sum g^2 ReLU(g)"),
    Pair("xgradcam", "peer.gradcam.XGradCAM", EPSILON),
    Pair("xgradcam", "peer.torchcam.XGradCAM", EPSILON),
    Pair("hirescam", "peer.gradcam.HiResCAM", "the same rule; ReLU on the sum is its own (here ours is cut too)"),
    Pair("elementwise", "peer.gradcam.GradCAMElementWise"),
    Pair("layercam", "peer.gradcam.LayerCAM"),
    Pair("layercam", "peer.torchcam.LayerCAM"),
    Pair("cam", "peer.torchcam.CAM"),
    Pair(
        "eigencam",
        "peer.gradcam.EigenCAM",
        "centres over space and cuts a component of arbitrary sign: may be inverted",
    ),
    Pair("eigengradcam", "peer.gradcam.EigenGradCAM", "centres over space and cuts a component of arbitrary sign"),
    Pair("kpcacam", "peer.gradcam.KPCA_CAM", "scikit-learn's kernel PCA; the sign of a component is arbitrary"),
    Pair("scorecam", "peer.gradcam.ScoreCAM", "masks upsampled with corners aligned", LOGIT),
    Pair("scorecam", "peer.torchcam.ScoreCAM", "min-max before upsampling", {**LOGIT, "mask_order": "norm_before_up"}),
    Pair("sscam", "peer.torchcam.SSCAM", "other noise"),
    Pair("iscam", "peer.torchcam.ISCAM", "its masks are scaled by the running sum of i/N: up to 5.5 for N = 10"),
    Pair(
        "ablationcam",
        "peer.gradcam.AblationCAM",
        "weights in float32; signed layers are not set to zero but to min - 1e7",
    ),
    Pair("fullgrad", "peer.gradcam.FullGrad", "min-max of every channel rather than of the layer"),
    Pair("shapleycam", "peer.gradcam.ShapleyCAM", "its own score and Hessian term"),
    Pair(
        "finercam", "peer.gradcam.FinerCAM", "references weighted by probability rather than plain", {"weighted": True}
    ),
    Pair(
        "smoothgradcam_pp",
        "peer.torchcam.SmoothGradCAMpp",
        "other noise, D2 in the numerator, the last noisy sample's ReLU",
    ),
    Pair("vanillagrad", "peer.captum.Saliency"),
    Pair("inputxgrad", "peer.captum.InputXGradient", options=COLOUR),
    Pair("guidedbackprop", "peer.captum.GuidedBackprop", options=COLOUR),
    Pair("deconvnet", "peer.captum.Deconvolution", options=COLOUR),
    Pair("guidedgradcam", "peer.captum.GuidedGradCam", options=COLOUR),
    Pair(
        "integratedgradients",
        "peer.captum.IntegratedGradients",
        "Gauss-Legendre points rather than the middle rule",
        COLOUR,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far two maps are apart, over images: mean correlation, largest difference, mean IoU of boxes."""

    ours: str
    theirs: str
    correlation: float
    max_difference: float
    box_iou: float
    n: int
    reason: str


def parity(
    extractor: MapExtractor,
    images: Sequence[Image],
    labels: Sequence[int],
    *,
    known: Sequence[str],
    resolve: Callable[[str], str],
    stages: Sequence[str],
    layers: str = "last",
) -> list[Parity]:
    """Compare every pair whose two methods are in `known`, on network inputs of one size.

    Both maps are cut at zero, brought to the input size (bilinear) and min-max normalized, as users see them.
    """
    out = []
    inputs, targets = extractor.tensor([extractor.normalized(image) for image in images]), torch.tensor(list(labels))
    ids = [str(n) for n in range(len(images))]
    side = (inputs.shape[-1], inputs.shape[-2])
    cache: dict[str, NDArray[Any]] = {}

    def maps(key: str, options: Mapping[str, Any]) -> tuple[Variant, NDArray[Any]]:
        (variant,) = expand({key: _options(key, options, layers)}, resolve=resolve, stages=stages)
        if variant.id not in cache:
            raw = extractor.maps(inputs, targets, ids, [variant]).raw(variant.id)
            cache[variant.id] = np.stack(
                [normalize(resize(np.maximum(m, 0), side, rule="bilinear"), rule="minmax") for m in raw]
            )
        return variant, cache[variant.id]

    for pair in PAIRS:
        if pair.ours not in known or pair.theirs not in known:
            continue
        ours, a = maps(pair.ours, pair.options)
        theirs, b = maps(pair.theirs, {})
        out.append(
            Parity(
                ours=ours.id,
                theirs=theirs.id,
                correlation=float(np.mean([_correlation(x, y) for x, y in zip(a, b, strict=True)])),
                max_difference=float(np.abs(a - b).max()),
                box_iou=float(np.mean([_box_iou(x, y) for x, y in zip(a, b, strict=True)])),
                n=len(images),
                reason=pair.reason,
            )
        )
    return out


def _options(key: str, options: Mapping[str, Any], layers: str) -> dict[str, Any]:
    from wsol.methods._base import methods

    return {**options, "layers": layers} if takes_layers(methods[key].info) else dict(options)


def _correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Pearson's; 1 for two flat maps, 0 where one of them is flat."""
    if a.std() == 0 or b.std() == 0:
        return float(a.std() == b.std())
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _box_iou(a: NDArray[Any], b: NDArray[Any]) -> float:
    """IoU of the two largest boxes above `TAU`; 1 when neither has one."""
    height, width = a.shape
    layout = view_named("squash", width).layout((width, height))
    items = [ImageMap(raw=one, layout=layout, boxes_xyxy=np.zeros((0, 4))) for one in (a, b)]
    first, second = (boxes_along(item, protocols["exact"], [TAU])[0] for item in items)
    if not len(first) or not len(second):
        return float(len(first) == len(second))
    return float(iou(first, second, convention="continuous")[0, 0])

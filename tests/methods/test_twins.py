"""Each method against its naive twin: loops over channels and cells in float64, written from the formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.methods.nets import LAST, LAYERS, TinyGAP, TinyVGG, layer_features, make_images, make_net
from tests.reference.method_case import Case, Network
from tests.reference.methods import JOINT, TWINS
from wsol.methods._base import methods

NETS = {"vgg": TinyVGG, "gap": TinyGAP}
TARGETS = (0, 3, 4)
SEED = 5

# (key, options, network, layer). Options keep many-forward methods short.
CASES: list[tuple[str, dict[str, Any], str, str]] = []


def case(key: str, nets: str = "vgg gap", layer: str = "", **options: Any) -> None:
    CASES.extend((key, options, net, layer) for net in nets.split())


case("cam", "gap")
for plain in TWINS:
    if plain not in {
        "cam",
        "liftcam",
        "opticam",
        "cameras",
        "rise",
        "sscam",
        "iscam",
        "smoothgrad",
        "smoothgradcam_pp",
    }:
        case(plain, **({"steps": 4} if plain == "integratedgradients" else {}))
for key in ("gradcam", "gradcam_pp", "xgradcam", "hirescam", "elementwise", "layercam", "eigencam", "normgrad"):
    case(key, "vgg", "features.3")  # before the ReLU: signed activations
    case(key, "gap", "branch")
case("gradcam_pp", alpha="author_code")
case("gradcam_pp", alpha="sum_ag3")
case("gradcam_pp", "vgg", "features.3", alpha="sum_ag3")
case("gradcam_pp", "vgg", "features.3", alpha="author_code")
case("layercam", "vgg", "features.4", grad_source="next_upsampled", pool="features.5")
case("centergauss", "vgg", sigma=0.4)
case("centerbox", "vgg", area=0.25)
case("eigencam", center=True)
case("eigencam", sign="meanact", center=True)
case("eigencam", "vgg", "features.1")
case("eigengradcam", center=True, sign="meanact")
case("kpcacam", "vgg", kernel="rbf")
case("kpcacam", "vgg", kernel="linear")
case("fem", kappa=0.5)
case("refinecam", base="layercam", size="input")
case("vanillagrad", "vgg", reduce="l2", smooth_sigma=1.5)
case("vanillagrad", "vgg", reduce="sum", abs=False)
case("guidedgradcam", "vgg", up="nearest")
case("smoothgrad", samples=3)
case("smoothgrad", "vgg", samples=3, statistic="squared")
case("smoothgrad", "vgg", samples=3, statistic="var")
case("smoothgradcam_pp", samples=3)
case("smoothgradcam_pp", samples=3, numerator="d2")
case("integratedgradients", "vgg", steps=4, baseline="blur", reduce="max")
case("liftcam", "vgg", "features.7")
case("liftcam", "vgg", "features.4")
case("finercam", base="layercam", alpha=0.6, references=2)
case("finercam", weighted=True)
case("shapleycam", "gap", score="logprob")
case("opticam", iterations=4)
case("opticam", "vgg", iterations=4, score="prob", rate=0.5)
case("cameras", "vgg", scales=3, largest=2.5)
case("scorecam", score="logit", mask_order="norm_before_up")
case("scorecam", channel_softmax=False)
case("scorecam", channel_softmax=False, baseline="none", score="logit")
case("scorecam", "vgg", channel_softmax=False, baseline="blur")
case("scorecam", top_n=3)
case("scorecam", "vgg", "features.3")
case("ablationcam", divide="norm")
case("ablationcam", divide="none")
case("ablationcam", "vgg", "features.3")
case("ablationcam", "gap", "wide")
case("reciprocam", score="prob")
case("reciprocam", kernel="gauss3")
case("groupcam", groups=3, theta=0.5, score="logit")
case("shapcam", "gap", samples=2, score="logit")
case("tta", "vgg", base="layercam")
case("sscam", samples=2)
case("sscam", "vgg", samples=2, noise_on="input", std=0.3, score="logit")
case("iscam", samples=3)
case("iscam", "vgg", samples=3, channel_softmax=False, score="logit")
case("rise", samples=12)
case("rise", "vgg", samples=12, cells=5, keep=0.3, score="logit")
case("occlusion", "vgg", window=0.4, stride=0.3, score="logit")
case("polycam", variant="minus")
case("polycam", variant="plus_minus")
case("clustermerge", k=3)
case("clustermerge", "vgg", k=3, confidence="masked_logit", merge="max")
case("clustermerge", "vgg", k=3, confidence="gradient", merge="top_m", m=2)
case("clustermerge", "gap", k=3, confidence="head_weight")

# Where float32 may decide otherwise than float64, not just round: winners, quantiles, thresholds; and Adam, which makes
# a full step of a gradient that is nothing but rounding.
DISCRETE = {"clustermerge", "groupcam", "fem", "opticam"}


def layers_of(key: str, net: str, layer: str) -> tuple[str, ...]:
    if methods[key].info.layers == "input":
        return ("input",)
    return LAYERS[NETS[net]] if key in JOINT else (layer or LAST[NETS[net]],)


def fast(key: str, options: dict[str, Any], net: str, layer: str, dtype: torch.dtype) -> np.ndarray:
    module = make_net(NETS[net], dtype=dtype)
    made = methods[key](**options)
    all_features = layer_features(module, make_images(dtype=dtype), TARGETS, layers_of(key, net, layer), seed=SEED)
    raw = made.joint(all_features) if key in JOINT else made(all_features[0])
    assert raw.dtype == dtype
    return raw.double().numpy()


def slow(key: str, options: dict[str, Any], net: str, layer: str) -> np.ndarray:
    module = make_net(NETS[net])
    network = Network(module)
    maps = []
    for n, (image, target) in enumerate(zip(make_images().numpy(), TARGETS, strict=True)):
        cases = []
        for name in layers_of(key, net, layer):
            a, g = network.look(image, name, lambda y, c=target: y[c])
            head = (module.fc.weight.detach().numpy(), module.fc.bias.detach().numpy()) if net == "gap" else None
            cases.append(Case(network, image, target, name, a, g, head, f"image{n}", SEED))
        maps.append(TWINS[key](cases if key in JOINT else cases[0], **options))
    return np.stack(maps)


SLOW: dict[str, np.ndarray] = {}


def ident(c: tuple[str, dict[str, Any], str, str]) -> str:
    key, options, net, layer = c
    return "-".join([key, net, layer, *(f"{k}={v}" for k, v in options.items())])


def slow_once(chosen: tuple[str, dict[str, Any], str, str]) -> np.ndarray:
    if ident(chosen) not in SLOW:
        SLOW[ident(chosen)] = slow(*chosen)
    return SLOW[ident(chosen)]


@pytest.mark.parametrize("chosen", CASES, ids=ident)
def test_a_method_equals_its_naive_twin_in_float64(chosen: tuple[str, dict[str, Any], str, str]) -> None:
    expected = slow_once(chosen)
    got = fast(*chosen, torch.float64)
    assert got.shape == expected.shape
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("chosen", [c for c in CASES if c[0] not in DISCRETE], ids=ident)
def test_float32_stays_within_a_ten_thousandth_of_the_twin(chosen: tuple[str, dict[str, Any], str, str]) -> None:
    expected = slow_once(chosen)
    np.testing.assert_allclose(fast(*chosen, torch.float32), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_every_method_that_takes_no_attention_has_a_twin() -> None:
    own = {k for k, m in methods.items() if m.__module__.startswith("wsol.methods.")}
    own -= {k for k in own if "attention" in methods[k].info.needs}
    assert own <= set(TWINS), f"without a twin: {sorted(own - set(TWINS))}"
    assert {c[0] for c in CASES} >= own, "a twin that no case runs"

"""What every registered method must keep, whatever it computes: a new file in `wsol/methods` is tested here unasked."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.methods.contract import StopHereError, check_record
from tests.methods.nets import LAST, LAYERS, SIDE, TinyGAP, TinyVGG, layer_features, make_images, make_net
from wsol.errors import HeadError
from wsol.methods._base import methods
from wsol.models.determinism import deterministic
from wsol.models.forward import INPUT
from wsol.options import defaults
from wsol.testing import RULES, Rule, Trial, applied, broken_map, hooks

TARGETS = (0, 3, 4)
KEYS = [k for k, cls in methods.items() if not cls.info.needs & {"attention", "branches"}]


def made(key: str, **options: Any) -> Any:
    """The method with the options that keep it short."""
    known = defaults(methods[key])
    return methods[key](**{k: v for k, v in {**methods[key].info.quick, **options}.items() if k in known})


def layers_for(key: str, module: nn.Module, layer: str | None = None) -> tuple[str, ...]:
    info = methods[key].info
    if info.layers == "input":
        return (INPUT,)
    if layer is not None:
        return (layer,)
    return LAYERS[type(module)] if info.layers == "all" else (LAST[type(module)],)


def run(
    key: str, module: nn.Module, images: Tensor, targets: Any = TARGETS, *, layer: str | None = None, **given: Any
) -> Tensor:
    """The raw map; the test ends here for a method that needs a head which the network has not."""
    gradients = "gradients" in methods[key].info.needs
    all_features = layer_features(module, images, targets, layers_for(key, module, layer), gradients=gradients, **given)
    try:
        return applied(made(key), all_features)
    except HeadError:
        assert all_features[0].head is None
        pytest.skip(f"{key} refuses layers without a linear head")


def silence(module: nn.Module, name: str, channels: slice) -> None:
    """The channels of a convolution put out zeros, or what a batch norm makes of them."""
    part = module.get_submodule(name)
    with torch.no_grad():
        part.weight[channels] = 0
        if part.bias is not None:
            part.bias[channels] = 0


@pytest.fixture(params=[TinyVGG, TinyGAP], ids=["vgg", "gap"])
def cls(request: pytest.FixtureRequest) -> type[nn.Module]:
    return request.param


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("key", KEYS)
def test_every_method_keeps_the_contract(key: str, rule: Rule, cls: type[nn.Module]) -> None:
    module = make_net(cls)
    trial = Trial(made(key), module, make_images(), TARGETS, layers_for(key, module))
    try:
        assert rule(trial) is None
    except HeadError:
        assert cls is TinyVGG
        pytest.skip(f"{key} refuses layers without a linear head")


@pytest.mark.parametrize("key", [k for k in KEYS if methods[k].info.stochastic and k != "clustermerge"])
def test_random_numbers_come_from_the_seed_and_the_image(key: str) -> None:
    module, images = make_net(TinyVGG), make_images()
    first = run(key, module, images)
    assert not torch.equal(run(key, module, images, seed=1), first)
    if key != "rise":  # its masks are the run's, not the image's
        assert not torch.equal(run(key, module, images, image_ids=("a", "b", "c"))[0], first[0])


@pytest.mark.parametrize("key", KEYS)
def test_in_place_relus_change_nothing(key: str, cls: type[nn.Module]) -> None:
    images = make_images()
    inplace, apart = (run(key, make_net(cls, inplace=flag), images) for flag in (True, False))
    assert torch.equal(inplace, apart)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("key", KEYS)
def test_the_gpu_gives_the_cpus_map_under_in_place_relus(key: str, cls: type[nn.Module]) -> None:
    images = make_images()
    there = run(key, make_net(cls).cuda(), images.cuda())
    assert there.is_cuda
    expected = run(key, make_net(cls), images)
    assert bool((there.cpu() - expected).abs().max() <= 1e-6 * expected.abs().max())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("key", KEYS)
def test_the_gpu_gives_the_same_bits_twice(key: str, cls: type[nn.Module]) -> None:
    module, images = make_net(cls, dtype=torch.float32).cuda(), make_images(dtype=torch.float32).cuda()
    with deterministic():  # as in a run
        first = run(key, module, images)
        assert all(torch.equal(run(key, module, images), first) for _ in range(3))


@pytest.mark.parametrize("key", KEYS)
def test_a_layer_before_an_in_place_relu_is_seen_as_it_was(key: str, cls: type[nn.Module]) -> None:
    layer = "features.6" if cls is TinyVGG else "branch"
    inplace, apart = (run(key, make_net(cls, inplace=flag), make_images(), layer=layer) for flag in (True, False))
    assert broken_map(inplace, 3) is None
    assert torch.equal(inplace, apart)


@pytest.mark.default_cases(10)
@pytest.mark.parametrize("key", KEYS)
def test_dead_channels_give_finite_maps(key: str, cls: type[nn.Module]) -> None:
    for channels in (slice(0, 1), slice(1, 3), slice(None)):
        module = make_net(cls, dtype=torch.float32)
        names = ["features.6", "features.3"] if cls is TinyVGG else ["branch.0", "wide.0", "wide.1", "branch.1"]
        for name in names:
            silence(module, name, channels)
        assert broken_map(run(key, module, make_images(dtype=torch.float32)), 3) is None


@pytest.mark.parametrize("key", KEYS)
def test_a_layer_of_one_pixel_gives_finite_maps(key: str) -> None:
    module = make_net(TinyGAP, dtype=torch.float32)
    images = make_images(side=4, dtype=torch.float32)
    if methods[key].info.layers != "all":
        features = layer_features(module, images, TARGETS, ["block"])[0]
        assert features.activations.shape[-2:] == (1, 1)
    assert broken_map(run(key, module, images), 3) is None


@pytest.mark.parametrize("key", KEYS)
def test_huge_and_tiny_gradients_give_finite_maps(key: str) -> None:
    for scale in (1e-12, 1e6):
        module = make_net(TinyVGG, dtype=torch.float32)
        with torch.no_grad():
            module.classifier[-1].weight.mul_(scale)
        assert broken_map(run(key, module, make_images(dtype=torch.float32)), 3) is None


@pytest.mark.parametrize("key", KEYS)
def test_bfloat16_autocast_gives_finite_maps(key: str, cls: type[nn.Module]) -> None:
    module, images = make_net(cls, dtype=torch.float32), make_images(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        raw = run(key, module, images)
    assert broken_map(raw, 3) is None
    exact = run(key, module, images)
    if not methods[key].info.needs:
        assert torch.equal(raw, exact)


@pytest.mark.parametrize("key", KEYS)
def test_a_network_in_bfloat16_gives_finite_maps(key: str, cls: type[nn.Module]) -> None:
    assert broken_map(run(key, make_net(cls, dtype=torch.bfloat16), make_images(dtype=torch.bfloat16)), 3) is None


@pytest.mark.parametrize("key", [k for k in KEYS if "model" in methods[k].info.needs])
def test_no_hook_survives_an_exception(key: str, cls: type[nn.Module]) -> None:
    module = make_net(cls).train()
    layers = LAYERS[cls][:1] if methods[key].info.layers == "last" else layers_for(key, module)  # no closed form there
    gradients = "gradients" in methods[key].info.needs
    all_features = layer_features(module, make_images(), TARGETS, layers, gradients=gradients)

    def stop(*_: object) -> None:
        raise StopHereError

    handle = module.get_submodule("classifier.3" if cls is TinyVGG else "fc").register_forward_hook(stop)
    with pytest.raises(StopHereError):
        applied(made(key), all_features)
    handle.remove()
    assert sum(hooks(part) for part in module.modules()) == 0
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert torch.nn.functional.relu(torch.tensor([-1.0, 1.0], requires_grad=True)).grad_fn is not None
    assert "Relu" in type(torch.nn.functional.relu(torch.tensor([1.0], requires_grad=True)).grad_fn).__name__


COUNTED = {  # quantities of a cost that are of one method alone
    "occlusion": lambda method: {"windows": len(method.covers(SIDE, SIDE))},
    "greedyorder": lambda method: {"tries": math.comb(int(method.numbered(make_images(1)[0]).max()) + 2, 2)},
    "regionocclusion": lambda method: {"regions": int(method.regions(make_images(1)[0]).max()) + 1},
}


@pytest.mark.parametrize("key", KEYS)
def test_the_declared_cost_is_what_is_spent(key: str) -> None:
    """`cost` reads as a sum of products: K channels, n cells, and names of options, times F, B or P."""
    module = make_net(TinyVGG)
    info = methods[key].info
    method = made(key, groups=3, k=3, window=0.5, stride=0.25)
    all_features = layer_features(
        module, make_images(1), [1], layers_for(key, module), gradients="gradients" in info.needs
    )
    try:
        applied(method, all_features)
    except HeadError:
        pytest.skip("needs a head")
    options = {f.name: getattr(method, f.name) for f in dataclasses.fields(method)}
    live = sum(int((s.activations.amax((2, 3)) > s.activations.amin((2, 3))).sum()) for s in all_features)
    sizes = {"K": live, "n": all_features[0].activations.shape[-2:].numel()}
    if key in COUNTED:
        sizes |= COUNTED[key](method)
    expected = {"F": 0.0, "B": 0.0, "P": 0.0}
    for term in info.cost.split(" + "):
        *factors, unit = re.findall(r"\d+|\w*[a-z]\w*|[KnFBP]", term)
        product = 1.0
        for factor in factors:
            product *= float(factor) if factor.isdigit() else float((options | sizes)[factor])
        expected[unit] += product
    spent = all_features[0].query.cost
    assert spent.backwards + ("gradients" in info.needs) == expected["B"]
    assert spent.partial_forwards == expected["P"]
    fronts = spent.forwards + bool(info.needs) - expected["F"]
    if expected["P"]:  # the part before the layer, once for a chunk of partial forwards
        assert 1 <= fronts <= 1 + getattr(method, "samples", 0)
    else:
        assert fronts == 0


@pytest.mark.parametrize("key", KEYS)
def test_a_method_is_a_frozen_record_that_says_what_it_is(key: str) -> None:
    check_record(key)


def test_only_the_full_box_means_something_by_a_flat_map() -> None:
    assert [key for key in KEYS if methods[key].info.constant_is_full] == ["fullbox"]
    raw = run("fullbox", make_net(TinyVGG), make_images())
    assert raw.shape == (3, 32, 32)
    assert bool((raw == 1).all())

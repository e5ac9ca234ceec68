"""Methods of masked forwards: the maps of one image at a time, in chunks that images share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.methods.nets import LAYERS, TinyGAP, TinyVGG, layer_features, make_images, make_net
from tests.reference.methods import CASES as TWIN_CASES
from tests.reference.methods import TwinCase
from wsol.methods._base import methods
from wsol.methods._features import LayerFeatures
from wsol.models.forward import INPUT
from wsol.models.query import ModelQuery
from wsol.testing import applied

TARGETS = (1, 3, 0, 4, 2)
CHUNK = 8


def queries(chosen: TwinCase) -> bool:
    """Whether a method makes many forward passes and no backward pass with these options."""
    info = methods[chosen.key].info
    unmasked = chosen.options.get("confidence") in ("head_weight", "gradient")
    return info.costly and not re.search(r"[a-z] B", info.cost) and not unmasked


CASES = [*{f"{chosen.key} {chosen.options}": chosen for chosen in TWIN_CASES if queries(chosen)}.values()]
SWEEPS = [
    chosen
    for chosen in CASES
    if "P" not in methods[chosen.key].info.cost and chosen.options.get("stop", "exact") == "exact"
]
# Others run on from the layer, for one image at a time, the part before it once per chunk; or look after a few forwards
# whether to stop.


def given(chosen: TwinCase, *, pad: bool, chunk: int = CHUNK, of: slice = slice(None)) -> list[LayerFeatures]:
    layers = {"input": [INPUT], "all": list(LAYERS[TinyVGG])}.get(methods[chosen.key].info.layers, ["features.7"])
    images = make_images(len(TARGETS))
    ids = [f"image{i}" for i in range(len(TARGETS))][of]
    found = layer_features(make_net(TinyVGG), images[of], TARGETS[of], layers, chunk=chunk, image_ids=ids)
    query = ModelQuery(found[0].query.module, chunk=chunk, pad=pad)
    return [replace(layer, query=query, _head=lambda: None) for layer in found]  # the search for one runs the network


def run(chosen: TwinCase, layers: list[LayerFeatures]) -> Tensor:
    return applied(methods[chosen.key](**chosen.options), layers)


@pytest.mark.default_cases(20)
@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("chosen", CASES, ids=str)
def test_a_batch_gives_the_maps_of_one_image_at_a_time(chosen: TwinCase, pad: bool) -> None:
    layers = given(chosen, pad=pad)
    batch, spent = run(chosen, layers), layers[0].query.cost
    alone = [given(chosen, pad=False, chunk=64, of=slice(i, i + 1)) for i in range(len(TARGETS))]
    maps = torch.cat([run(chosen, one) for one in alone])
    assert (batch - maps).abs().max() <= 1e-9 * maps.abs().max()
    costs = [one[0].query.cost for one in alone]
    assert spent.partial_forwards == sum(cost.partial_forwards for cost in costs)
    if chosen in SWEEPS:
        assert spent.forwards == sum(cost.forwards for cost in costs)


@pytest.mark.parametrize("chosen", SWEEPS, ids=str)
def test_all_chunks_but_the_last_of_a_sweep_are_full(
    chosen: TwinCase, sizes_of: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = given(chosen, pad=False)
    sweeps: list[str] = []
    for name in ("stream", "logits"):
        plain = getattr(ModelQuery, name)
        monkeypatch.setattr(ModelQuery, name, lambda *a, name=name, plain=plain: (sweeps.append(name), plain(*a))[1])
    sizes = sizes_of(layers[0].query, lambda: run(chosen, layers))
    assert 0 < sum(size == CHUNK for size in sizes) >= len(sizes) - len(sweeps)
    assert sum(sizes) == layers[0].query.cost.forwards


@pytest.mark.parametrize("chosen", CASES, ids=str)
def test_with_padding_only_known_sizes_run(chosen: TwinCase, sizes_of: Callable[..., list[int]]) -> None:
    layers = given(chosen, pad=True)
    query = layers[0].query
    query.logits(make_images(CHUNK))
    sizes = sizes_of(query, lambda: run(chosen, layers))
    assert set(sizes) <= {CHUNK} | (set() if chosen in SWEEPS else {1})


def test_partial_forwards_of_images_with_fewer_channels_take_a_known_size() -> None:
    (layer,) = layer_features(make_net(TinyGAP), make_images(3), TARGETS[:3], ["block"])
    query = ModelQuery(layer.query.module, pad=True)
    sizes: list[int] = []
    handle = query.module.fc.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    for count in (6, 3, 5):
        query.logits_from("block", layer.activations[:1].expand(count, -1, -1, -1), layer.images[0])
    handle.remove()
    assert sizes == [6, 6, 6]


@pytest.fixture
def sizes_of() -> Callable[..., list[int]]:
    def watch(query: ModelQuery, run: Callable[[], object]) -> list[int]:
        sizes: list[int] = []
        handle = query.module.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
        run()
        handle.remove()
        return sizes

    return watch

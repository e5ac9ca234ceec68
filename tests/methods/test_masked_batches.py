"""Methods of masked forwards: the maps of one image at a time, in chunks that images share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.methods.nets import LAYERS, TinyGAP, TinyVGG, layer_features, make_images, make_net
from wsol.methods._base import LayerFeatures, methods
from wsol.models.forward import INPUT
from wsol.models.query import ModelQuery
from wsol.testing import applied

TARGETS = (1, 3, 0, 4, 2)
CHUNK = 8
CASES = {
    "scorecam": {},
    "scorecam logit top_n": {"score": "logit", "top_n": 3, "channel_softmax": False, "baseline": "blur"},
    "sscam": {"samples": 3},
    "sscam input": {"samples": 3, "noise_on": "input", "score": "logit"},
    "iscam": {"samples": 3},
    "groupcam": {"groups": 4},
    "polycam": {"variant": "plus_minus"},
    "clustermerge": {"k": 3},
    "clustermerge logit": {"k": 3, "confidence": "masked_logit"},
    "rise": {"samples": 13},
    "occlusion": {},
    "ablationcam": {},
    "reciprocam": {},
    "shapcam": {"samples": 3},
}
PER_IMAGE = ("ablationcam", "reciprocam", "shapcam")  # from the layer on, of one image


def given(case: str, *, pad: bool, chunk: int = CHUNK, of: slice = slice(None)) -> list[LayerFeatures]:
    key = case.split()[0]
    layers = {"rise": [INPUT], "occlusion": [INPUT], "polycam": list(LAYERS[TinyVGG])}.get(key, ["features.7"])
    images = make_images(len(TARGETS))
    ids = [f"image{i}" for i in range(len(TARGETS))][of]
    found = layer_features(make_net(TinyVGG), images[of], TARGETS[of], layers, chunk=chunk, image_ids=ids)
    query = ModelQuery(found[0].query.module, chunk=chunk, pad=pad)
    return [replace(layer, query=query) for layer in found]


def run(case: str, layers: list[LayerFeatures]) -> Tensor:
    return applied(methods[case.split()[0]](**CASES[case]), layers)


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_batch_gives_the_maps_of_one_image_at_a_time(case: str, pad: bool) -> None:
    layers = given(case, pad=pad)
    batch, spent = run(case, layers), layers[0].query.cost
    alone = [given(case, pad=False, chunk=64, of=slice(i, i + 1)) for i in range(len(TARGETS))]
    maps = torch.cat([run(case, one) for one in alone])
    assert (batch - maps).abs().max() <= 1e-9 * maps.abs().max()
    costs = [one[0].query.cost for one in alone]
    assert spent.partial_forwards == sum(cost.partial_forwards for cost in costs)
    if case.split()[0] not in PER_IMAGE:  # whose fronts run once a chunk
        assert spent.forwards == sum(cost.forwards for cost in costs)


@pytest.mark.parametrize("case", [case for case in CASES if case.split()[0] not in PER_IMAGE])
def test_all_chunks_but_the_last_of_a_layer_are_full(case: str, sizes_of: Callable[..., list[int]]) -> None:
    layers = given(case, pad=False)
    sizes = sizes_of(layers[0].query, lambda: run(case, layers))
    sweeps = {"polycam": 2 * len(layers), "groupcam": 2, "scorecam logit top_n": 2}.get(case, 1)
    assert sum(size != CHUNK for size in sizes) <= sweeps
    assert sum(sizes) == layers[0].query.cost.forwards


@pytest.mark.parametrize("case", CASES)
def test_with_padding_only_known_sizes_run(case: str, sizes_of: Callable[..., list[int]]) -> None:
    layers = given(case, pad=True)
    query = layers[0].query
    query.logits(make_images(CHUNK))
    assert [layer.head for layer in layers]  # found by a forward of two images, once per network and layer
    sizes = sizes_of(query, lambda: run(case, layers))
    fronts = {1} if case.split()[0] in PER_IMAGE else set()
    assert set(sizes) <= {CHUNK} | fronts


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

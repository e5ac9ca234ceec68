"""The embedded transformers: their attention can be seen, and they know the embedded images."""

from __future__ import annotations

import pytest

import wsol
from tests.models.known_images import recorded, right
from wsol.datasets.formats.shapes import Shapes
from wsol.models.attention import capture_attention
from wsol.models.networks.shapes_vit import DEPTH, HEADS, SIDE
from wsol.models.zoo import load_classifier

NETS = ("shapes_vit", "shapes_tscam")


@pytest.mark.parametrize("name", NETS)
def test_the_attention_of_every_block_is_seen(name: str) -> None:
    classifier = load_classifier(name)
    with capture_attention(classifier.module, gradients=False) as forward:
        attention = forward(classifier.example)
    assert [tuple(p.shape) for p in attention.probabilities] == [(1, HEADS, SIDE**2 + 1, SIDE**2 + 1)] * DEPTH


@pytest.mark.parametrize(("name", "method"), [("shapes_vit", "rollout"), ("shapes_tscam", "tscam")])
def test_methods_of_attention_make_maps_of_patches(name: str, method: str) -> None:
    shapes = Shapes(n=2)
    maps = wsol.attribute(
        load_classifier(name), [shapes.image(s) for s in shapes.samples()], method, target=[4, 5], layers=None
    )
    assert maps.raw.shape == (2, SIDE, SIDE)
    assert (maps.raw.std((1, 2)) > 0).all()


@pytest.mark.full
@pytest.mark.parametrize("name", NETS)
def test_the_first_images_are_classified_as_recorded(name: str) -> None:
    assert abs(right(name, 200) - recorded(name)) <= 1  # another processor may round one logit the other way


@pytest.mark.parametrize("name", NETS)
def test_most_images_are_classified_right(name: str) -> None:
    assert right(name, 10) >= 7

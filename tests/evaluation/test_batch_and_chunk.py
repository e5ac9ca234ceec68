"""How many inputs run at a time, and how many further passes, moves a raw map by rounding alone, for every method."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from scripts.batch_invariance import WITHOUT, Images, compared, network_of
from wsol.errors import HeadError
from wsol.evaluation.build import load_dataset, load_model
from wsol.methods._base import methods
from wsol.methods._variants import variant_of

IMAGES = 4
ROUNDING = 1e-5  # of a map's range
# in the default tests, stochastic ones among them; one image has a cell at fem's threshold, 0.85 % of the range
FIRST = ("fem", "smoothgrad", "randomcam", "layercam", "legrad")
KEYS = [*FIRST, *(key for key, cls in methods.items() if cls.info.needs and not cls.info.needs & WITHOUT)]


@cache
def images(network: str, count: int) -> Images:
    return Images.of(load_dataset({"name": "shapes", "n": count}), load_model({"name": network}))


@pytest.mark.default_cases(len(FIRST))
@pytest.mark.parametrize("key", list(dict.fromkeys(KEYS)))
def test_a_map_does_not_know_its_batch_and_chunk(key: str) -> None:
    try:
        found = list(compared(key, images(network_of(key), 3 if methods[key].info.costly else IMAGES)))
    except HeadError as error:
        pytest.skip(str(error))
    for moved in found:
        assert moved.map <= ROUNDING
        assert not moved.passes or key == "fem"  # which runs an image alone where it must


def test_an_optimized_map_is_the_same_to_the_last_bit_in_every_batch() -> None:
    """Fifty steps amplify a last bit up to percents of the range."""
    few = images("shapes_gap", 2)
    full = variant_of("opticam", {}, resolve=lambda layer: "stage5", stages=["stage5"])
    first, other = (few.maps(full, batch=batch, chunk=7) for batch in (2, 1))
    assert np.array_equal(first.raw, other.raw)
    assert first.passes == other.passes == (2 * 51, 2 * 50, 0)


def test_partial_forwards_count_the_same_in_every_chunk() -> None:
    for moved in compared("shapcam", images("shapes_gap", 1)):
        assert not moved.passes

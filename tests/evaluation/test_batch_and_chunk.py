"""How many inputs run at a time, and how many further passes, moves a raw map by rounding alone, for every method."""

from __future__ import annotations

from functools import cache

import pytest

from scripts.batch_invariance import WITHOUT, Images, compared, network_of
from wsol.errors import HeadError
from wsol.evaluation.build import load_dataset, load_model
from wsol.methods._base import methods

IMAGES = 4
ROUNDING = 1e-5  # of a map's range
# Adam's first step is the sign of a gradient, which rounding decides where there is hardly any
AMPLIFIED = {"opticam": 1e-3}
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
        assert moved.map <= AMPLIFIED.get(key, ROUNDING)
        assert not moved.passes or key == "fem"  # which runs an image alone where it must


def test_partial_forwards_count_the_same_in_every_chunk() -> None:
    for moved in compared("shapcam", images("shapes_gap", 1)):
        assert not moved.passes

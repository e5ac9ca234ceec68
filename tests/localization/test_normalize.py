"""The four normalizations of Kim et al., 2021, against slow twins, and what flat, tied and broken maps become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from tests.localization.one_map import curve, map_of
from tests.reference import normalize as reference
from wsol.errors import ConfigError, MapError
from wsol.localization.normalize import normalize, normalize_rules
from wsol.protocols._base import named, protocols

RULES = ("max", "minmax", "pas", "ivr")
FINITE = st.floats(-100, 100, allow_nan=False, width=32)
TIED = st.sampled_from([-1.0, 0.0, 0.0, 0.0, 0.0, 0.5, 2.0])  # many equal values, as behind a ReLU
GRIDS = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.one_of(FINITE, TIED))


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60)
@given(grid=GRIDS)
def test_a_map_is_normalized_as_its_slow_twin(rule: str, grid: NDArray[np.float64]) -> None:
    if rule == "max" and grid.min() == grid.max():
        return  # GenDisc/IVR makes zeros of every constant map; our older rule keeps one of positive values at 1
    expected = np.reshape(reference.normalized(grid.ravel().tolist(), rule), grid.shape)
    np.testing.assert_allclose(normalize(grid, rule=rule), expected, rtol=1e-12, atol=1e-15)


@settings(max_examples=60)
@given(grid=GRIDS, percentile=st.sampled_from([0.0, 0.1, 0.45, 0.6, 0.99, 1.0]))
def test_ivr_cuts_at_any_percentile(grid: NDArray[np.float64], percentile: float) -> None:
    expected = np.reshape(reference.ivr(grid.ravel().tolist(), percentile), grid.shape)
    np.testing.assert_allclose(normalize(grid, rule="ivr", percentile=percentile), expected, rtol=1e-12, atol=1e-15)


def test_two_maps_by_hand() -> None:
    ten = np.arange(10.0).reshape(2, 5)
    # 4 of 10 values lie below place floor(4.5) = 4, whose value is 4; the maximum is 5 above it
    np.testing.assert_allclose(normalize(ten, rule="ivr").ravel(), [0, 0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1])
    # place floor(9) = 9 holds the maximum itself, so nothing is cut; with 11 values the second highest is the standard
    np.testing.assert_allclose(normalize(ten, rule="pas"), ten / 9)
    eleven = np.arange(11.0).reshape(1, 11)
    np.testing.assert_allclose(normalize(eleven, rule="pas").ravel(), [*(np.arange(10) / 9), 1])


@pytest.mark.parametrize("rule", RULES[1:])
def test_flat_maps_and_nan_are_zeros(rule: str) -> None:
    holed = np.ones((3, 3))
    holed[1, 1] = np.nan
    for grid in (np.full((3, 3), 7.0), np.full((3, 3), -7.0), np.zeros((3, 3)), holed, np.full((3, 3), np.nan)):
        np.testing.assert_array_equal(normalize(grid, rule=rule), np.zeros((3, 3)))
    with pytest.raises(MapError, match="infinite"):
        normalize(np.array([[1.0, np.inf]]), rule=rule)


def test_one_pixel_above_a_flat_map_and_one_below() -> None:
    peak, hole = np.zeros((4, 5)), np.ones((4, 5))
    peak[2, 2], hole[2, 2] = 3, -3
    np.testing.assert_array_equal(normalize(peak, rule="pas"), peak / 3)  # P90 is the minimum: 1 above it
    np.testing.assert_array_equal(normalize(peak, rule="ivr"), peak / 3)
    np.testing.assert_array_equal(normalize(hole, rule="pas"), (hole > 0).astype(float))
    np.testing.assert_array_equal(normalize(hole, rule="ivr"), np.zeros((4, 5)))  # the value at 45 % is the maximum


@pytest.mark.parametrize("rule", RULES)
@given(grid=GRIDS)
@settings(max_examples=30)
def test_order_and_range_are_kept_and_the_input_is_untouched(rule: str, grid: NDArray[np.float64]) -> None:
    before = grid.copy()
    flat, done = before.ravel(), normalize(grid, rule=rule).ravel()
    np.testing.assert_array_equal(grid, before)
    assert done.min() >= 0
    assert done.max() <= 1
    order = np.argsort(flat, kind="stable")
    assert (np.diff(done[order]) >= 0).all()
    assert done.max() in (0, 1) or not normalize_rules[rule].reaches_one


def test_the_papers_protocol_is_choe_2020s_with_another_normalization() -> None:
    ivr, choe = protocols["ivr2021"], protocols["choe2020_v2"]
    assert {k for k, v in ivr.knobs.items() if v != choe.knobs[k]} == {"normalise"}
    assert named("ivr2021[normalize=minmax]").knobs == choe.knobs
    rng = np.random.default_rng(0)
    maps = [np.maximum(rng.normal(size=(7, 7)), -0.5) for _ in range(6)]
    truth, size = np.array([[20.0, 30, 90, 100]]), (112, 110)
    curves = {name: [curve(map_of(raw, truth, size_wh=size), named(name)) for raw in maps]
              for name in ("choe2020_v2", *(f"ivr2021[normalize={rule}]" for rule in RULES[:3]), "ivr2021",
                           "ivr2021[percentile=0.9]")}  # fmt: skip
    assert curves["choe2020_v2"] == curves["ivr2021[normalize=minmax]"]
    with pytest.raises(ConfigError, match=r"percentile=0\.6 changes nothing with normalise=minmax"):
        named("choe2020_v2[percentile=0.6]")
    different = [repr(found) for name, found in curves.items() if name != "choe2020_v2"]
    assert len(set(different)) == len(different)

"""Interpolation and normalisation against numbers one can work out."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.reference.boxes import corner_bilinear
from wsol.errors import WsolError
from wsol.localization.normalize import normalize, uint8_by_max
from wsol.localization.resize import resize, resize_uint8_cubic

RULES: list[Any] = ["cubic", "bilinear", "bilinear_corners", "nearest"]
small_maps = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(-4, 4, width=16)
)


@given(small_maps, st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=60)
def test_corner_bilinear_is_the_tent_formula(grid: NDArray[np.float64], width: int, height: int) -> None:
    made = resize(grid, (width, height), rule="bilinear_corners")
    np.testing.assert_allclose(made, corner_bilinear(grid, width, height), atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_sizes_are_width_then_height_and_results_float64(rule: Any) -> None:
    made = resize(np.ones((3, 5), np.float32), (7, 4), rule=rule)
    assert made.shape == (4, 7)
    assert made.dtype == np.float64
    np.testing.assert_allclose(made, 1, atol=1e-15)


@pytest.mark.parametrize("rule", RULES)
def test_the_same_size_is_the_same_map(rule: Any) -> None:
    grid = np.random.default_rng(0).random((6, 9))
    np.testing.assert_array_equal(resize(grid, (9, 6), rule=rule), grid)


def test_bilinear_has_half_pixel_centres() -> None:
    assert resize([[0.0, 1.0]], (4, 1), rule="bilinear").tolist() == [[0, 0.25, 0.75, 1]]


def test_cubic_has_half_pixel_centres_and_a_of_minus_three_quarters() -> None:
    grid = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    a, d = -0.75, np.array([1.75, 1.25, 0.75, 0.25])  # distances of the output centres to the peak, left of it
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    expected = np.where(d <= 1, near, far)
    np.testing.assert_allclose(resize(grid, (12, 1), rule="cubic")[0, 1:5], expected, atol=1e-15)


def test_nearest_takes_the_pixel_below_the_scaled_index() -> None:
    assert resize([[1.0, 2.0, 3.0]], (7, 1), rule="nearest").tolist() == [[1, 1, 1, 2, 2, 3, 3]]


def test_minmax_spans_zero_to_one_and_gives_up_on_constants_and_nan() -> None:
    assert normalize([[2.0, 4.0], [3.0, 6.0]], rule="minmax").tolist() == [[0, 0.5], [0.25, 1]]
    assert normalize([[5.0, 5.0]], rule="minmax").tolist() == [[0, 0]]
    assert normalize([[np.nan, 1.0, 2.0]], rule="minmax").tolist() == [[0, 0, 0]]


def test_max_clips_negatives_and_leaves_an_empty_map_empty() -> None:
    assert normalize([[-2.0, 1.0, 4.0]], rule="max").tolist() == [[0, 0.25, 1]]
    assert normalize([[-2.0, -1.0]], rule="max").tolist() == [[0, 0]]


def test_percentiles_stretch_what_lies_between_them() -> None:
    grid = np.arange(101.0)[None]
    made = normalize(grid, rule="percentile", low=20, high=80)
    np.testing.assert_allclose(made[0], np.clip((np.arange(101) - 20) / 60, 0, 1), atol=1e-15)


@given(small_maps, st.sampled_from(["minmax", "max", "percentile"]))
@settings(max_examples=60)
def test_normalised_maps_stay_within_zero_and_one_and_input_is_untouched(grid: NDArray[np.float64], rule: Any) -> None:
    before = grid.copy()
    made = normalize(grid, rule=rule)
    assert made.min() >= 0
    assert made.max() <= 1
    np.testing.assert_array_equal(grid, before)


def test_grey_levels_by_maximum_truncate() -> None:
    assert uint8_by_max(np.array([[-1.0, 0.5, 1.0]])).tolist() == [[0, 127, 255]]
    assert uint8_by_max(np.zeros((1, 2))).tolist() == [[0, 0]]


def test_uint8_cubic_is_opencvs_and_saturates() -> None:
    levels = np.array([[0, 255, 255, 0]], np.uint8)
    made = resize_uint8_cubic(levels, (16, 3))
    np.testing.assert_array_equal(made, cv2.resize(levels, (16, 3), interpolation=cv2.INTER_CUBIC))
    assert made.max() == 255
    assert resize(levels, (16, 3), rule="cubic").max() > 255


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: resize(np.zeros(3), (2, 2), rule="cubic"), "shape"),
        (lambda: resize(np.zeros((0, 3)), (2, 2), rule="cubic"), "shape"),
        (lambda: resize(np.zeros((3, 3)), (0, 2), rule="cubic"), "0 x 2"),
        (lambda: resize(np.zeros((3, 3)), (2, 2), rule="bicubic"), "nearest: 'cubic'"),  # type: ignore[arg-type]
        (lambda: normalize(np.zeros((3, 3)), rule="min_max"), "nearest: 'minmax'"),  # type: ignore[arg-type]
        (lambda: normalize(np.full((3, 3), np.inf), rule="minmax"), "infinite"),
        (lambda: normalize(np.full((3, 3), np.nan), rule="max"), "NaN"),
        (lambda: normalize(np.zeros((3, 3)), rule="percentile", low=50, high=50), "low < high"),
        (lambda: resize_uint8_cubic(np.zeros((3, 3)), (2, 2)), "uint8"),  # type: ignore[arg-type]
    ],
)
def test_unusable_input_is_refused_in_one_sentence(call: Any, words: str) -> None:
    with pytest.raises(WsolError, match=words):
        call()

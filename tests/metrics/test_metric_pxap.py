"""PxAP and pIoU: hand-computed, from the definition, and against wsolevaluation's own numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.conftest import MakeCase
from tests.reference import metrics as slow
from tests.reference.normalize import normalized
from wsol.errors import ConfigError, DataError
from wsol.metrics._common.truth import boxes_to_mask, truth_of
from wsol.metrics.pxap import PxAP, bin_edges, histograms
from wsol.stats.reductions import piou, pxap


def test_a_map_that_ranks_all_object_pixels_first_has_pxap_one() -> None:
    truth = np.array([[1, 1], [0, 0]], np.uint8)
    assert pxap(*histograms(np.array([[0.9, 0.8], [0.1, 0.0]]), truth, step=0.001)) == 1


def test_pxap_of_three_pixels_by_hand() -> None:
    # from high to low: object (P 1, R 1/2), background (P 1/2), object (P 2/3, R 1)
    found = histograms(np.array([[0.9, 0.5, 0.1]]), np.array([[1, 0, 1]], np.uint8), step=0.1)
    assert pxap(*found) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert piou(*found) == pytest.approx(2 / 3)


def test_ignored_pixels_are_in_no_histogram() -> None:
    foreground, background = histograms(np.full((2, 2), 0.5), np.array([[1, 255], [0, 255]], np.uint8), step=0.01)
    assert (foreground.sum(), background.sum()) == (1, 1)


def test_without_object_pixels_nothing_is_defined(make_case: MakeCase) -> None:
    foreground, background = histograms(np.zeros((2, 2)), np.zeros((2, 2), np.uint8), step=0.01)
    assert np.isnan(pxap(foreground, background))
    assert np.isnan(piou(foreground, background))
    case = make_case(0, mask=np.full((20, 24), 255, np.uint8))
    assert PxAP().measure(case)["pxap_image"] is None


@pytest.mark.parametrize("step", [0.001, 0.01, 0.3, 1 / 49])
def test_values_on_and_beside_the_edges_fall_into_numpys_bins(step: float) -> None:
    edges = bin_edges(step)
    values = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 4), np.arange(256) / 255])
    values = values[(values >= 0) & (values <= 1)]
    found, _ = histograms(values, np.ones(len(values), np.uint8), step=step)
    np.testing.assert_array_equal(found, np.histogram(values, edges)[0])


@given(seed=st.integers(0, 10_000), step=st.sampled_from([0.01, 0.1, 0.25]))
def test_pooled_numbers_equal_the_slow_twins(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    maps = [np.round(rng.random((4, 5)), 2) for _ in range(3)]
    truths = [rng.choice(np.array([0, 1, 255], np.uint8), (4, 5)) for _ in range(3)]
    truths[0][0, 0] = 1
    columns = {"foreground": [], "background": []}
    for scores, truth in zip(maps, truths, strict=True):
        for name, histogram in zip(columns, histograms(scores, truth, step=step), strict=True):
            columns[name].append(histogram.tolist())
    numbers = {score.name: score for score in PxAP().scores}
    assert numbers["pxap"].value(columns) == pytest.approx(slow.pool_pxap(maps, truths, bin_edges(step)))
    assert numbers["piou"].value(columns) == pytest.approx(slow.pool_piou(maps, truths, bin_edges(step)))


def test_weights_count_images_as_if_they_were_there_again() -> None:
    rng = np.random.default_rng(1)
    columns = {"foreground": rng.integers(0, 9, (3, 12)).tolist(), "background": rng.integers(0, 9, (3, 12)).tolist()}
    again = {name: [column[i] for i in (0, 2, 2, 2)] for name, column in columns.items()}
    for score in PxAP().scores[:2]:
        weighted = score.of(columns, np.array([[1.0, 0.0, 3.0], [1.0, 1.0, 1.0]]))
        np.testing.assert_allclose(weighted, [score.value(again), score.value(columns)])


def test_a_step_that_gives_no_thresholds_is_refused() -> None:
    with pytest.raises(ConfigError, match="step=0"):
        PxAP(step=0.0)


def test_images_without_a_mask_are_refused(make_case: MakeCase) -> None:
    with pytest.raises(DataError, match="image0 has no mask"):
        PxAP().measure(make_case(0, mask=None))


@pytest.mark.parametrize("rule", ["minmax", "max", "pas", "ivr"])
def test_the_map_is_normalized_by_the_rule_that_is_asked_for(rule: str, make_case: MakeCase) -> None:
    """Kim et al., 2021: PxAP under four normalizations; the raw map is resized first, as the released code does."""
    case = make_case(3)
    grid = cv2.resize(case.map[::2, ::2], case.map.shape[::-1], interpolation=cv2.INTER_CUBIC)
    expected = np.reshape(normalized(grid.ravel().tolist(), rule), grid.shape)
    found = PxAP(normalise=rule).measure(replace(case, raw=case.map[::2, ::2]))
    edges = bin_edges(0.001)
    by_hand = [np.histogram(expected[case.mask == value], edges)[0].tolist() for value in (1, 0)]
    assert [found["foreground"], found["background"]] == by_hand


def test_truth_is_the_mask_or_else_the_boxes(make_case: MakeCase) -> None:
    case = make_case(0)
    assert truth_of(case) is case.mask
    np.testing.assert_array_equal(truth_of(case, "boxes"), slow.rasterise(case.boxes, (20, 24)))
    np.testing.assert_array_equal(truth_of(make_case(0, mask=None)), truth_of(case, "boxes"))


def test_a_box_covers_the_pixels_whose_centre_is_in_it() -> None:
    found = boxes_to_mask(np.array([[1.0, 0.0, 3.0, 1.0], [3.4, 1.5, 4.5, 2.6]]), (3, 5))
    np.testing.assert_array_equal(found, [[0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0]])


def test_boxes_outside_the_frame_cover_nothing() -> None:
    assert boxes_to_mask(np.array([[-9.0, -9.0, -1.0, -1.0]]), (3, 3)).sum() == 0
    assert boxes_to_mask(np.zeros((0, 4)), (3, 3)).sum() == 0


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "golden" / "pxap_choe2020.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize(("grid", "step"), [("t1000", 0.001), ("t100", 0.01)])
def test_histograms_and_pxap_agree_with_the_reference(
    grid: str, step: float, golden: dict[str, np.ndarray], shared: Path
) -> None:
    np.testing.assert_array_equal(bin_edges(step), golden[f"bin_edges_{grid}"])
    pairs = [histograms(m, t, step=step) for m, t in zip(golden["maps"], golden["masks"], strict=True)]
    foreground, background = (np.stack(part) for part in zip(*pairs, strict=True))
    np.testing.assert_array_equal(foreground, golden[f"hist_foreground_per_image_{grid}"])
    np.testing.assert_array_equal(background, golden[f"hist_background_per_image_{grid}"])
    np.testing.assert_array_equal(100 * pxap(foreground, background), golden[f"pxap_single_image_{grid}"])
    published = json.loads((shared / "golden" / "pxap_choe2020.json").read_text())["pxap_percent"][grid]
    columns = {"foreground": foreground.tolist(), "background": background.tolist()}
    assert 100 * PxAP().scores[0].value(columns) == published

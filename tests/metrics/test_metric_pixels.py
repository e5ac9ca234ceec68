"""Pixel metrics and the pointing games: hand-computed and against the slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.conftest import MakeCase
from tests.reference import metrics as slow
from wsol.errors import ConfigError
from wsol.metrics.energy_pointing import EnergyPointingGame, energy_share
from wsol.metrics.pixels import Pixels, divergence, pixel_auc
from wsol.metrics.pointing import PointingGame, pointing_share


def test_auc_counts_ties_half() -> None:
    assert pixel_auc(np.array([0.5, 0.9]), np.array([0.5, 0.1])) == pytest.approx(3.5 / 4)
    assert pixel_auc(np.array([0.5]), np.array([])) is None


@given(seed=st.integers(0, 10_000))
def test_auc_equals_all_pairs_and_turns_with_the_map(seed: int) -> None:
    rng = np.random.default_rng(seed)
    objects, background = rng.integers(0, 5, 7) / 4, rng.integers(0, 5, 11) / 4
    found = pixel_auc(objects, background)
    assert found == pytest.approx(slow.auc(objects.tolist(), background.tolist()))
    assert pixel_auc(1 - objects, 1 - background) == pytest.approx(1 - found)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("direction", ["mask_map", "map_mask"])
def test_all_columns_equal_the_slow_twins(number: int, direction: str, make_case: MakeCase) -> None:
    case = make_case(number)
    columns = Pixels(tau=0.4, direction=direction, eps=1e-4).measure(case)
    mask = case.mask
    assert columns["auc"] == pytest.approx(
        slow.auc(case.map01[mask == 1].tolist(), case.map01[mask == 0].tolist()), abs=1e-12
    )
    level = slow.counts(case.map01 >= 0.4, mask)
    assert columns["tpr"] == level["tp"] / (level["tp"] + level["fn"])
    assert columns["fpr"] == level["fp"] / (level["fp"] + level["tn"])
    assert columns["kl"] == pytest.approx(slow.kl(case.map01, mask, direction, 1e-4), abs=1e-12)
    above = slow.counts(case.map01 > case.map01.sum() / case.map01.size, mask)
    assert {name: columns[name] for name in above} == above
    assert columns["iou"] == above["tp"] / (above["tp"] + above["fp"] + above["fn"])


def test_divergence_is_zero_for_the_mask_itself_and_not_defined_for_empty_maps() -> None:
    objects = np.array([True, False, True, False])
    assert divergence(objects.astype(float), objects, direction="mask_map", eps=1e-12) == pytest.approx(0, abs=1e-9)
    assert divergence(np.zeros(4), objects, direction="mask_map") is None
    assert divergence(np.ones(4), np.zeros(4, bool), direction="map_mask") is None


def test_divergence_of_a_uniform_map_is_the_logarithm_of_the_share() -> None:
    objects = np.array([True, False, False, False])
    assert divergence(np.ones(4), objects, direction="mask_map", eps=1e-15) == pytest.approx(np.log(4))


def test_a_perfect_map_scores_perfectly(make_case: MakeCase) -> None:
    mask = make_case(0).mask
    columns = Pixels().measure(make_case(0, map=(mask == 1).astype(float)))
    assert (columns["auc"], columns["tpr"], columns["fpr"], columns["iou"]) == (1, 1, 0, 1)


def test_a_constant_map_claims_no_pixel_above_its_mean(make_case: MakeCase) -> None:
    columns = Pixels().measure(make_case(0, map=np.ones((20, 24))))
    assert (columns["tp"], columns["fp"], columns["iou"]) == (0, 0, 0)


def test_two_class_iou_pools_the_pixels_of_all_images() -> None:
    columns = {"tp": [1, 3], "fp": [1, 0], "fn": [0, 1], "tn": [2, 0]}
    miou = next(score for score in Pixels().scores if score.name == "miou")
    assert miou.value(columns) == pytest.approx((4 / 6 + 2 / 4) / 2)
    np.testing.assert_allclose(miou.of(columns, np.array([[1.0, 0.0]])), [(1 / 2 + 2 / 3) / 2])


def test_the_labels_name_the_level() -> None:
    assert [score.label for score in Pixels(tau=0.25).scores][1:3] == ["TPR@0.25", "FPR@0.25"]


def test_levels_outside_the_map_are_refused() -> None:
    with pytest.raises(ConfigError, match="tau="):
        Pixels(tau=1.5)
    with pytest.raises(ConfigError, match="eps=0"):
        Pixels(eps=0.0)


def test_the_peak_on_the_object_is_a_hit_and_one_beside_it_depends_on_the_tolerance() -> None:
    objects = np.zeros((9, 9), bool)
    objects[4, 4] = True
    saliency = np.zeros((9, 9))
    saliency[1, 8] = 1  # five pixels away: 3 up, 4 right
    assert pointing_share(saliency, objects, tolerance=5.01) == 1
    assert pointing_share(saliency, objects, tolerance=5) == 0


def test_a_peak_15_pixels_from_the_object_misses_it_as_in_torchray(make_case: MakeCase) -> None:
    """An object of one pixel at the middle of a 224 frame; the peak is 15 pixels to its right, and then 14."""
    saliency, mask = np.zeros((224, 224)), np.zeros((224, 224), np.uint8)
    mask[100, 100] = 1
    case = make_case(0, map=saliency, mask=mask)
    saliency[100, 115] = 1
    assert PointingGame().measure(case)["hit"] == 0
    saliency[100, 114] = 2
    assert PointingGame().measure(case)["hit"] == 1
    saliency[100, 100] = 3
    assert PointingGame(tolerance=0.0).measure(case)["hit"] == 1


def test_a_constant_map_scores_the_objects_share_and_not_everything() -> None:
    objects = np.zeros((4, 5), bool)
    objects[0] = True
    assert pointing_share(np.ones((4, 5)), objects, tolerance=0) == pytest.approx(0.25)


def test_without_object_pixels_pointing_is_not_defined() -> None:
    nothing = np.zeros((3, 3), bool)
    assert pointing_share(np.ones((3, 3)), nothing, tolerance=1) is None
    assert energy_share(np.ones((3, 3)), nothing, ~nothing) is None


@given(seed=st.integers(0, 10_000), tolerance=st.sampled_from([0.0, 1.0, 1.5, 2.0, 5.0]))
def test_pointing_equals_the_slow_twin(seed: int, tolerance: float) -> None:
    rng = np.random.default_rng(seed)
    saliency = rng.integers(0, 3, (7, 9)).astype(float)
    truth = (rng.random((7, 9)) < 0.15).astype(np.uint8)
    truth[3, 3] = 1
    found = pointing_share(saliency, truth == 1, tolerance=tolerance)
    assert found == pytest.approx(slow.pointing(saliency, truth, tolerance))


def test_the_tolerance_is_in_pixels_of_a_224_frame(make_case: MakeCase) -> None:
    case = make_case(0)  # short side 20
    for tolerance in (0.0, 15.0, 60.0):
        expected = slow.pointing(case.map, case.mask, tolerance * 20 / 224)
        assert PointingGame(tolerance=tolerance).measure(case)["hit"] == pytest.approx(expected)


@pytest.mark.parametrize("against", ["boxes", "mask"])
def test_energy_equals_the_slow_twin(against: str, make_case: MakeCase) -> None:
    case = make_case(2)
    truth = case.mask if against == "mask" else slow.rasterise(case.boxes, case.map.shape)
    expected = slow.energy(case.map01, truth)
    assert EnergyPointingGame(against=against).measure(case)["energy"] == pytest.approx(expected)


def test_energy_does_not_exchange_x_and_y(make_case: MakeCase) -> None:
    saliency = np.zeros((20, 24))
    saliency[2, 15] = 1
    case = make_case(0, map=saliency, boxes=np.array([[14.0, 1.0, 17.0, 4.0]]))
    assert EnergyPointingGame().measure(case)["energy"] == 1
    assert (
        EnergyPointingGame().measure(make_case(0, map=saliency, boxes=np.array([[1.0, 14.0, 4.0, 17.0]])))["energy"]
        == 0
    )


def test_an_empty_map_has_the_energy_of_a_uniform_one(make_case: MakeCase) -> None:
    case = make_case(0, map=np.zeros((20, 24)), boxes=np.array([[0.0, 0.0, 12.0, 20.0]]))
    assert EnergyPointingGame().measure(case)["energy"] == 0.5


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(ConfigError, match="tolerance=-1"):
        PointingGame(tolerance=-1.0)

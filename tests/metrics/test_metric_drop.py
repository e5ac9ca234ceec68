"""Drop, increase, gain, ADCC and occlusion: hand-computed and against the slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.conftest import MakeCase
from tests.reference import metrics as slow
from wsol.errors import ConfigError
from wsol.metrics._common.drop import average_drop, average_gain
from wsol.metrics.adcc import ADCC, coherency
from wsol.metrics.drop import Drop
from wsol.metrics.occlusion import Occlusion
from wsol.stats.reductions import adcc


def test_drop_and_gain_by_hand() -> None:
    assert average_drop(0.8, 0.2) == pytest.approx(0.75)
    assert average_drop(0.2, 0.8) == 0
    assert average_gain(0.2, 0.6) == pytest.approx(0.5)
    assert average_gain(0.6, 0.2) == 0


def test_nothing_to_lose_or_to_win_counts_zero() -> None:
    assert average_drop(0.0, 0.5) == 0
    assert average_gain(1.0, 1.0) == 0


def test_adcc_is_the_harmonic_mean_and_zero_if_a_term_is() -> None:
    assert adcc(0.9, 0.4, 0.7) == pytest.approx(3 / (1 / 0.9 + 1 / 0.6 + 1 / 0.3))
    assert adcc(0.0, 0.4, 0.7) == adcc(0.9, 1.0, 0.7) == adcc(0.9, 0.4, 1.0) == 0


def test_coherency_knows_same_opposite_and_constant_maps() -> None:
    first = np.random.default_rng(0).random((5, 6))
    assert coherency(first, 3 * first + 1) == pytest.approx(1)
    assert coherency(first, -first) == pytest.approx(0)
    assert coherency(first, np.ones((5, 6))) == 0.5


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("of_class", ["target", "top1"])
def test_drops_equal_the_slow_twin(number: int, of_class: str, make_case: MakeCase, probabilities: slow.Model) -> None:
    case = make_case(number)
    image = case.image.numpy()
    chosen = case.target if of_class == "target" else int(np.argmax(probabilities(image)))
    before = float(probabilities(image)[chosen])
    after = float(probabilities(slow.multiplied(image, case.map01))[chosen])
    columns = Drop(of_class=of_class).measure(case)
    assert columns["drop"] == pytest.approx(max(0, before - after) / before, abs=1e-12)
    assert columns["gain"] == pytest.approx(max(0, after - before) / (1 - before), abs=1e-12)
    assert columns["increase"] == (1 if after > before else 0)


def test_adcc_runs_the_method_on_what_the_map_shows(make_case: MakeCase, probabilities: slow.Model) -> None:
    case = make_case(1)
    shown = slow.multiplied(case.image.numpy(), case.map01)
    columns = ADCC().measure(case)
    again = np.abs(shown).sum(0)  # what the case's `remap` does
    coherent = (1 + slow.pearson(case.map, again)) / 2
    before = float(probabilities(case.image.numpy())[case.target])
    drop = max(0, before - float(probabilities(shown)[case.target])) / before
    assert columns["coherency"] == pytest.approx(coherent, abs=1e-12)
    assert columns["complexity"] == pytest.approx(case.map01.mean())
    assert columns["drop"] == pytest.approx(drop, abs=1e-12)
    terms = [coherent, 1 - case.map01.mean(), 1 - drop]
    assert columns["adcc"] == pytest.approx(3 / sum(1 / t for t in terms), abs=1e-12)


def test_drop_and_adcc_share_their_forward(make_case: MakeCase) -> None:
    case = make_case(0)
    Drop().measure(case)
    ADCC().measure(case)
    assert case.query.cost.forwards == 1
    Drop().measure(make_case(0, map=-case.map, memo=case.memo, query=case.query))
    assert case.query.cost.forwards == 2


def test_adcc_of_means_is_the_harmonic_mean_of_the_means() -> None:
    columns = {"coherency": [0.8, 0.4], "complexity": [0.1, 0.3], "drop": [0.0, 1.0], "adcc": [0.9, 0.0]}
    numbers = {score.name: score for score in ADCC().scores}
    assert numbers["adcc"].value(columns) == pytest.approx(0.45)
    assert numbers["adcc_of_means"].value(columns) == pytest.approx(3 / (1 / 0.6 + 1 / 0.8 + 1 / 0.5))
    np.testing.assert_allclose(numbers["adcc_of_means"].of(columns, np.array([[2.0, 0.0]])), [adcc(0.8, 0.1, 0.0)])


@pytest.mark.parametrize("number", range(3))
def test_occlusion_hides_exactly_the_pixels_above_the_level(
    number: int, make_case: MakeCase, probabilities: slow.Model
) -> None:
    case = make_case(number)
    hidden = case.image.numpy().copy()
    for y, x in np.ndindex(*case.map.shape):
        if case.map01[y, x] >= 0.3:
            hidden[:, y, x] = 0
    after = probabilities(hidden)
    columns = Occlusion(tau=0.3).measure(case)
    assert columns["fall"] == pytest.approx(case.probability - after[case.target], abs=1e-12)
    assert columns["area"] == np.mean([v >= 0.3 for v in case.map01.ravel().tolist()])
    assert columns["right"] == int(np.argmax(after) == case.target)


def test_a_pixel_at_the_level_itself_is_hidden(make_case: MakeCase) -> None:
    saliency = np.zeros((20, 24))
    saliency[3, 4], saliency[5, 6] = 0.5, 1.0
    assert Occlusion(tau=0.5).measure(make_case(0, map=saliency))["area"] == pytest.approx(2 / 480)


def test_occluding_nothing_loses_nothing(make_case: MakeCase) -> None:
    columns = Occlusion().measure(make_case(0, map=np.ones((20, 24))))
    assert columns["fall"] == pytest.approx(0, abs=1e-12)
    assert columns["area"] == 0


def test_a_level_of_zero_would_hide_everything_and_is_refused() -> None:
    with pytest.raises(ConfigError, match="tau=0"):
        Occlusion(tau=0.0)


@pytest.mark.parametrize(("before", "after"), [(np.nan, 0.5), (0.5, np.nan), (np.nan, np.nan)])
def test_probabilities_that_are_no_numbers_are_never_the_best(before: float, after: float) -> None:
    assert np.isnan([average_drop(before, after), average_gain(before, after)]).all()
    assert np.isnan(coherency(np.array([[1.0, before], [0, 1]]), np.array([[1.0, after], [1, 0]])))

"""Paired differences, McNemar, Holm and ties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.stats import holm_adjusted, mcnemar_exact, mcnemar_mid_p
from tests.stats.made_up import from_matrix, iou_matrix
from tests.stats.paired_means import paired_mean
from wsol.errors import ConfigError, DataError
from wsol.stats.all_pairs import p_values
from wsol.stats.bootstrap import draw, draw_best, draw_mean, max_box_acc
from wsol.stats.paired import Difference, difference, holm, mcnemar, paired_hits
from wsol.stats.resamples import Resamples
from wsol.stats.ties import standings


def bits(better: int, worse: int, both: int = 5, neither: int = 5) -> tuple[np.ndarray, np.ndarray]:
    a = [1] * better + [0] * worse + [1] * both + [0] * neither
    b = [0] * better + [1] * worse + [1] * both + [0] * neither
    return np.array(a), np.array(b)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_counts_outcomes_at_least_as_lopsided(better: int, worse: int) -> None:
    got = mcnemar(*bits(better, worse))
    assert (got.better, got.worse) == (better, worse)
    if better + worse < 25:
        assert got.test == "exact"
        assert got.p == pytest.approx(mcnemar_exact(better, worse))
    else:
        assert got.test == "mid-p"
        # a tie is fully compatible with no difference; half of the central outcome must not bring p below 1
        assert got.p == pytest.approx(1.0 if better == worse else mcnemar_mid_p(better, worse))


def test_one_class_tells_nothing_about_classes() -> None:
    hits = np.arange(40) % 2
    resamples = Resamples.of(np.zeros(40, int), n_resamples=50)
    one, other = draw_mean(hits, resamples, bounded=True), draw_mean(np.append(1 - hits[:1], hits[1:]), resamples)
    found = difference(one, other)
    assert found.p == 1
    assert np.isnan(found.low)
    assert np.isnan(found.high)
    pooled = draw(lambda w: w @ hits / w.sum(1), resamples)
    assert np.isnan(pooled.error)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(*bits(5, 0)).p == pytest.approx(2 / 32)
    assert mcnemar(*bits(1, 7)).p == pytest.approx(2 * (1 + 8) / 256)
    assert mcnemar(*bits(0, 0)).p == 1


def test_paired_hits_by_hand() -> None:
    """b = 9, c = 2 of n = 98: Bonett and Price add one to each and two to n."""
    got = paired_hits(*bits(9, 2, 60, 27))
    assert (got.value, got.better, got.worse, got.n) == (pytest.approx(7 / 98), 9, 2, 98)
    half = 1.959963984540054 * np.sqrt((0.13 - 0.07**2) / 100)
    assert (got.low, got.high) == (pytest.approx(0.07 - half, abs=1e-6), pytest.approx(0.07 + half, abs=1e-6))
    assert got.p == pytest.approx(mcnemar_exact(9, 2))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_equals_its_definition(p: list[float]) -> None:
    assert holm(p).tolist() == pytest.approx(holm_adjusted(p))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []
    with pytest.raises(DataError, match="must lie in"):
        holm([0.5, 1.5])


def test_a_paired_difference_is_antisymmetric_and_zero_to_itself() -> None:
    rng = np.random.default_rng(0)
    plan = Resamples(150)
    one, two = (max_box_acc(from_matrix(iou_matrix(rng, 150)), plan)[0] for _ in range(2))
    forth, back = difference(one, two), difference(two, one)
    assert (forth.value, forth.low, forth.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert forth.p == pytest.approx(back.p)
    assert (forth.better, forth.worse) == (back.worse, back.better)
    itself = difference(one, one)
    assert (itself.value, itself.low, itself.high, itself.p, itself.better) == (0, 0, 0, 1, 0)


def test_pairing_narrows_the_interval_of_methods_that_agree() -> None:
    iou = iou_matrix(np.random.default_rng(0), 400)
    worse = iou.copy()
    worse[:20] *= 0.5  # 5 % of the images lose half their IoU
    plan = Resamples(400)
    one, two = (draw_best(from_matrix(m), 0.5, plan)["maxboxacc"] for m in (iou, worse))
    got = difference(one, two)
    alone = one.estimate()
    assert got.high - got.low < 0.5 * (alone.high - alone.low)
    assert got.low > 0
    assert got.p < 0.01
    assert got.worse == 0


def test_few_discordant_images_are_no_proof() -> None:
    """Four against none: McNemar's exact p is 0.125, a plain z test's 0.045."""
    a, b = bits(4, 0, 200, 100)
    plan = Resamples(304)
    got = difference(draw_mean(a, plan, bounded=True), draw_mean(b, plan, bounded=True))
    assert 0.08 < got.p < 0.13
    assert got.low < 0 < got.high
    assert paired_mean(a, b).p == pytest.approx(got.p, abs=0.03)


def test_interval_and_p_agree_about_zero() -> None:
    rng = np.random.default_rng(5)
    for shift in np.linspace(0, 0.2, 21):
        a, b = rng.random(60), rng.random(60) + shift
        got = paired_mean(a, b)
        assert (got.p < 0.05) == (got.high < 0 or got.low > 0)


def test_scores_and_pooled_numbers_have_differences_too() -> None:
    rng = np.random.default_rng(1)
    plan = Resamples(200)
    a = rng.random(200)
    b = a - 0.1 + 0.05 * rng.normal(size=200)
    got = difference(draw_mean(a, plan), draw_mean(b, plan))
    reference = paired_mean(a, b)
    assert (got.value, got.better, got.worse) == (pytest.approx(reference.value), reference.better, reference.worse)
    assert got.low == pytest.approx(reference.low, abs=0.002)
    pooled = difference(draw(lambda w: w @ a / w.sum(1), plan), draw(lambda w: w @ b / w.sum(1), plan))
    assert pooled.value == pytest.approx(reference.value)
    assert pooled.low == pytest.approx(reference.low, abs=0.002)
    assert (pooled.better, pooled.worse) == (0, 0)


def test_clusters_widen_paired_errors() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(20), 10)
    a = rng.random(200)
    b = a + np.repeat(rng.normal(0, 0.1, 20), 10)
    alone, clustered = paired_mean(a, b), paired_mean(a, b, clusters=groups)
    assert clustered.high - clustered.low > 2.5 * (alone.high - alone.low)
    plan = Resamples.of(groups)
    drawn = difference(draw_mean(a, plan), draw_mean(b, plan))
    assert drawn.high - drawn.low == pytest.approx(clustered.high - clustered.low, rel=0.1)
    lonely = paired_mean(a, b, clusters=np.zeros(200))
    assert lonely.p == 1
    assert np.isnan(lonely.low)


def test_unpaired_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="same images and resamples"):
        difference(draw_mean([1, 2], Resamples(2, 10, 0)), draw_mean([1, 2], Resamples(2, 10, 1)))
    with pytest.raises(DataError, match=r"shapes \(2,\) and \(3,\)"):
        mcnemar([1, 0], [1, 0, 1])
    with pytest.raises(DataError, match="finite"):
        paired_hits([1, float("nan")], [1, 2])


def test_ranks_are_shared_by_what_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    plan = Resamples(400)
    base = rng.random(400)
    scores = {"good": base, "as good": base + rng.normal(0, 0.01, 400), "poor": base - 0.2, "poorest": base - 0.4}
    found = standings({name: draw_mean(x, plan) for name, x in scores.items()})
    assert {name: one.rank for name, one in found.items()} == {"good": 1, "as good": 1, "poor": 3, "poorest": 4}
    assert {name for name, one in found.items() if one.tied_with_best} == {"good", "as good"}
    assert found["poor"].p < 0.05 < found["as good"].p
    upside_down = standings({name: draw_mean(x, plan) for name, x in scores.items()}, higher_is_better=False)
    assert [upside_down[name].rank for name in ("poorest", "poor", "good", "as good")] == [1, 2, 3, 3]


def test_a_table_of_one_row_has_a_winner_and_an_empty_one_none() -> None:
    only = standings({"cam": draw_mean([0.1, 0.4], Resamples(2))})
    assert (only["cam"].rank, only["cam"].tied_with_best, only["cam"].p) == (1, True, 1.0)
    assert standings({}) == {}
    with pytest.raises(ConfigError, match="alpha=5"):
        standings({"cam": draw_mean([0.1, 0.4], Resamples(2))}, alpha=5)


def test_as_many_images_as_are_needed_find_the_difference_in_four_of_five_samples() -> None:
    rng = np.random.default_rng(8)

    def sample(n: int) -> Difference:
        place = rng.normal(size=n)
        a, b = (place + rng.normal(size=n) < shift for shift in (0.35, 0.15))
        return paired_hits(a, b)

    big = sample(200_000)
    n = round(big.needed)
    assert 200 < n < 2000
    found = sum(sample(n).p < 0.05 for _ in range(400)) / 400
    assert 0.74 <= found <= 0.86
    assert paired_hits([1, 0, 1], [1, 0, 1]).needed == math.inf


def test_pairs_tested_together_are_those_tested_alone() -> None:
    rng, plan, classes = np.random.default_rng(9), Resamples(60, 80), Resamples.of(np.arange(60) % 7, n_resamples=80)
    scores = [rng.beta(2, 3, 60) for _ in range(3)]
    rare = [np.where(rng.random(60) < 0.05, rng.random(60), 0.0) for _ in range(2)]
    kinds = {
        "means": [draw_mean(x, plan, bounds=(0, 1)) for x in [*scores, *rare, scores[0]]],
        "without bounds": [draw_mean(x, plan) for x in [*rare, scores[0]]],
        "other bounds": [draw_mean(x, plan, bounds=(0, most)) for x in rare for most in (1, 2)],
        "shares": [draw_mean(rng.random(60) < 0.5, plan, bounded=True) for _ in range(3)],
        "a few images": [draw_mean(rng.beta(2, 3, 8), Resamples(8, 80), bounds=(0, 1)) for _ in range(4)],
        "best": [draw_best(from_matrix(iou_matrix(rng, 60)), 0.5, plan)["maxboxacc"] for _ in range(4)],
        "classes": [draw_best(from_matrix(iou_matrix(rng, 60)), 0.5, classes)["maxboxacc"] for _ in range(3)],
    }
    kinds["all kinds"] = [draws for kind in ("shares", "means", "best", "without bounds") for draws in kinds[kind]]
    for draws in kinds.values():
        alone = [difference(a, b).p for a, b in itertools.combinations(draws, 2)]
        assert p_values(draws) == pytest.approx(alone, rel=1e-9)

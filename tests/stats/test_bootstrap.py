"""Resamples and the statistics over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.reference.stats import all_resamples, best_threshold
from tests.stats.made_up import DELTAS, from_lists, from_matrix, iou_matrix
from wsol.errors import ConfigError, DataError
from wsol.stats import resamples
from wsol.stats.averages import Average
from wsol.stats.bootstrap import draw, draw_best, draw_class_mean, draw_mean, max_box_acc
from wsol.stats.contact import contact_set
from wsol.stats.curves import Curves
from wsol.stats.draws import average
from wsol.stats.intervals import mean, normal_quantile, wilson
from wsol.stats.resamples import Resamples

BREAKS = [[0, 4], [0, 2, 6], [0], [0, 3]]
VALUES = [[0.2, 0.5], [0.1, 0.6, 0.4], [0.5], [0.9, 0.1]]


def weights_of(plan: Resamples) -> np.ndarray:
    return np.concatenate(list(plan.blocks(64)))


def test_a_replicate_holds_as_many_images_as_the_sample() -> None:
    weights = weights_of(Resamples(37, 500, 3))
    assert weights.shape == (500, 37)
    assert (weights.sum(1) == 37).all()
    assert weights.mean(0) == pytest.approx(np.ones(37), abs=0.25)


def test_chunks_and_the_cache_do_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Resamples(40, 100, 3)
    whole = weights_of(plan)
    np.testing.assert_array_equal(whole, np.concatenate(list(plan.blocks(7))))
    monkeypatch.setattr(resamples, "CACHED_CELLS", 0)
    np.testing.assert_array_equal(whole, np.concatenate(list(plan.blocks(13))))
    np.testing.assert_array_equal(whole[:50], weights_of(Resamples(40, 50, 3)))
    assert not np.array_equal(whole, weights_of(Resamples(40, 100, 4)))


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, 2**32, 2**63 - 1])
def test_a_replicate_is_that_of_its_seed_and_number(seed: int) -> None:
    for replicate, row in enumerate(weights_of(Resamples(40, 3, seed))):
        draw = np.random.Generator(np.random.PCG64([seed, replicate])).integers(0, 40, 40, dtype=np.int32)
        assert row.tolist() == np.bincount(draw, minlength=40).tolist()


def test_clusters_are_drawn_whole() -> None:
    labels = np.array(["b", "a", "b", "c", "a", "b"])
    plan = Resamples.of(labels, n_resamples=200, seed=1)
    weights = weights_of(plan)
    for name in "abc":
        assert (weights[:, labels == name] == weights[:, labels == name][:, :1]).all()
    by_cluster = weights[:, [1, 0, 3]]
    assert (by_cluster.sum(1) == 3).all()
    assert plan.units == 3


def test_every_replicate_takes_the_maximum_again() -> None:
    plan = Resamples(4, 60, 5)
    pairs = list(zip(BREAKS, VALUES, strict=True))
    for levels, scale in ((10, 1.0), (None, 0.1)):
        curves = from_lists([np.array(b) * scale for b in BREAKS], VALUES, levels=levels)
        got = draw_best(curves, 0.5, plan)["maxboxacc"]
        assert got.value == best_threshold(pairs, 0.5)[0]
        assert got.replicates.tolist() == pytest.approx([best_threshold(pairs, 0.5, w)[0] for w in weights_of(plan)])


def test_replicates_follow_the_exact_bootstrap_distribution() -> None:
    """Four images have 4^4 equally likely resamples: mean and spread of the maximum over them are known exactly."""
    pairs = list(zip(BREAKS, VALUES, strict=True))
    exact = np.array([best_threshold(pairs, 0.5, counts)[0] for counts in all_resamples(4)])
    got = draw_best(from_lists(BREAKS, VALUES, levels=10), 0.5, Resamples(4, 20_000))["maxboxacc"].replicates
    assert got.mean() == pytest.approx(exact.mean(), abs=4 * exact.std() / np.sqrt(20_000))
    for value in np.unique(exact):
        share = (exact == value).mean()
        assert np.isclose(got, value).mean() == pytest.approx(share, abs=4 * np.sqrt(share / 20_000))


def test_integer_levels_and_float_breaks_give_the_same_draws() -> None:
    curves = from_matrix(iou_matrix(np.random.default_rng(2), 80))
    scaled = Curves(curves.breaks / 255, curves.values, curves.offsets)
    plan = Resamples(80, 200)
    masks = {"top1_loc": np.arange(80) % 3 > 0}
    one, two = (draw_best(c, 0.5, plan, masks=masks) for c in (curves, scaled))
    for name in ("maxboxacc", "top1_loc"):
        assert one[name].value == two[name].value
        np.testing.assert_allclose(one[name].replicates, two[name].replicates, atol=1e-12)
        np.testing.assert_array_equal(one[name].influence, two[name].influence)
        assert one[name].contact == pytest.approx(two[name].contact, abs=1e-6)
        assert one[name].tau[0] / 255 == pytest.approx(two[name].tau[0])


def test_top1_counts_hits_of_right_images_at_the_threshold_of_all() -> None:
    curves = from_matrix(iou_matrix(np.random.default_rng(4), 60))
    right = np.arange(60) % 2 == 0
    plan = Resamples(60, 50)
    got = draw_best(curves, 0.5, plan, masks={"top1_loc": right})
    highest, tau = curves.best(0.5)
    assert got["maxboxacc"].value == highest
    assert got["top1_loc"].value == ((curves.at(tau) >= 0.5) & right).mean()
    for weights, replicate in zip(weights_of(plan), got["top1_loc"].replicates, strict=True):
        again = curves.best(0.5, weights)[1]
        assert replicate == pytest.approx(weights @ ((curves.at(again) >= 0.5) & right) / 60)


def test_v2_is_the_mean_of_three_maxima_with_their_own_thresholds() -> None:
    curves = from_matrix(iou_matrix(np.random.default_rng(6), 50))
    v2, parts = max_box_acc(curves, Resamples(50, 100))
    assert v2.value == pytest.approx(np.mean([curves.best(delta)[0] for delta in DELTAS]))
    assert v2.tau == tuple(curves.best(delta)[1] for delta in DELTAS)
    assert len(set(v2.tau)) > 1
    assert v2.replicates == pytest.approx(np.mean([part.replicates for part in parts.values()], axis=0))
    low, value, high = v2.estimate().low, v2.estimate().value, v2.estimate().high
    assert 0 <= low < value < high <= 1


def test_a_single_threshold_leaves_wilsons_interval() -> None:
    bits = np.arange(90) % 3 > 0
    curves = from_lists([[0]] * 90, bits[:, None].astype(float), levels=1)
    got = draw_best(curves, 0.5, Resamples(90, 4000))["maxboxacc"].estimate()
    assert (got.low, got.high) == pytest.approx(wilson(60, 90), abs=0.006)
    for hits in (0, 1):
        same = from_lists([[0]] * 90, [[hits]] * 90, levels=1)
        edge = draw_best(same, 0.5, Resamples(90))["maxboxacc"].estimate()
        assert (edge.low, edge.high) == wilson(90 * hits, 90)


def test_the_best_of_equal_thresholds_reaches_further_down() -> None:
    """20 thresholds, each right on a random half of the images: the maximum is luck, and the interval knows it."""
    covered = naive = 0
    for seed in range(100):
        bits = np.random.default_rng(seed).random((200, 20)) < 0.5
        lucky = draw_best(from_matrix(bits * 1.0), 0.5, Resamples(200, 300))["maxboxacc"]
        covered += lucky.estimate().low <= 0.5
        naive += wilson(lucky.value * 200, 200)[0] <= 0.5
    assert covered >= 88
    assert naive <= 70


def test_the_mean_and_its_replicates() -> None:
    x = np.random.default_rng(0).random(30)
    plan = Resamples(30, 300)
    got = draw_mean(x, plan)
    assert got.replicates == pytest.approx(weights_of(plan) @ x / 30)
    assert got.estimate() == mean(x)
    assert got.again is None
    assert got.replicates.std() == pytest.approx(got.error, rel=0.15)


def test_a_pooled_number_is_computed_from_weights() -> None:
    rng = np.random.default_rng(0)
    inside, area = rng.integers(0, 50, 40), rng.integers(50, 90, 40)
    pooled = draw(lambda w: (w @ inside) / (w @ area), Resamples(40, 400))
    assert pooled.value == pytest.approx(inside.sum() / area.sum())
    assert pooled.estimate().low < pooled.value < pooled.estimate().high
    assert pooled.influence is None
    assert pooled.error == pytest.approx(pooled.replicates.std(ddof=1) * np.sqrt(40 / 39))


def test_replicates_without_the_number_are_left_out_of_its_error() -> None:
    rare = np.arange(6) == 0
    share = draw(lambda w: np.where(w @ rare > 0, w @ rare / 6, np.nan), Resamples(6, 200))
    assert 20 < np.isnan(share.replicates).sum() < 100
    assert share.error == pytest.approx(np.nanstd(share.replicates, ddof=1) * np.sqrt(6 / 5))
    assert share.error > 0


def test_a_mean_over_classes_has_the_error_of_a_stratified_sample() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], [30, 270])
    bits = rng.random(300) < np.where(labels == 0, 0.7, 0.4)
    drawn = draw_class_mean(bits, labels, Resamples(300))
    shares = [bits[labels == c].mean() for c in (0, 1)]
    assert drawn.value == pytest.approx(np.mean(shares))
    by_hand = np.sqrt(sum(p * (1 - p) / n for p, n in zip(shares, (30, 270), strict=True))) / 2
    assert drawn.error == pytest.approx(by_hand, rel=0.01)
    assert drawn.replicates.std() == pytest.approx(by_hand, rel=0.1)
    assert drawn.scores is not None
    assert set(drawn.scores) == {0.0, 1.0}


def test_clusters_widen_the_interval_of_images_that_fail_together() -> None:
    iou = np.repeat(iou_matrix(np.random.default_rng(1), 40), 10, axis=0)
    single, clustered = Resamples(400), Resamples.of(np.repeat(np.arange(40), 10))
    one = draw_best(from_matrix(iou), 0.5, single)["maxboxacc"].estimate()
    many = draw_best(from_matrix(iou), 0.5, clustered)["maxboxacc"].estimate()
    once = draw_best(from_matrix(iou[::10]), 0.5, Resamples(40))["maxboxacc"].estimate()
    assert one.value == many.value == once.value
    assert many.high - many.low > 2 * (one.high - one.low)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.1)


def test_clusters_of_one_image_give_the_contact_set_of_images() -> None:
    curves = from_matrix(iou_matrix(np.random.default_rng(3), 120))
    hits = curves.hits(0.5)
    share = hits.accuracy()
    column = hits.column(int(share.argmax()))
    plans = Resamples(120), Resamples.of(np.arange(120))
    every = np.ones(120, bool)
    both = hits.add(column.astype(float))
    alone, as_clusters = (contact_set(hits, column, both, share, p, Average.of(None, every, p)) for p in plans)
    assert 1 < len(alone) < 255
    # the cluster formula has c / (c - 1) = 1.008 more variance
    assert set(alone) <= set(as_clusters)
    assert len(as_clusters) <= len(alone) + 3


@pytest.mark.parametrize("n_resamples", [1, 2, 3, 40, 41])
def test_what_a_chosen_threshold_flatters_is_numpys_quantile(n_resamples: int) -> None:
    rng = np.random.default_rng(n_resamples)
    whole = draw_mean(rng.random(30) < 0.5, Resamples(30, n_resamples), bounded=True)
    contact = whole.value + rng.integers(0, 9, n_resamples) / 7
    draws = replace(whole, contact=contact)
    for level in (0.5, 0.8, 0.95, 0.999):
        reach = float(np.quantile(contact, (1 + level) / 2)) - draws.value
        assert draws.optimism(level=level)[0] == max(0.0, reach - normal_quantile(level) * draws.error)


def test_a_draw_must_fit_its_resamples() -> None:
    curves = from_lists(BREAKS, VALUES, levels=10)
    with pytest.raises(DataError, match="curves of 4 images, resamples of 5"):
        draw_best(curves, 0.5, Resamples(5))
    with pytest.raises(DataError, match="for 5 resampled images"):
        draw_mean([1, 2], Resamples(5))
    with pytest.raises(DataError, match="value 1 is not finite"):
        draw_mean([1, float("nan")], Resamples(2))
    with pytest.raises(DataError, match="no images to resample"):
        Resamples(0)
    with pytest.raises(ConfigError, match="n_resamples=0"):
        Resamples(3, 0)
    with pytest.raises(ConfigError, match="same images and resamples"):
        average([draw_mean([1, 2], Resamples(2, 10, 0)), draw_mean([1, 2], Resamples(2, 10, 1))])
    with pytest.raises(DataError, match="at least one"):
        average([])


def rechosen(n: int = 40) -> tuple[np.ndarray, Curves, np.ndarray, Resamples, np.ndarray]:
    """IoU (n, levels) and their curves, labels, resamples and their weights."""
    rng = np.random.default_rng(11)
    iou = np.round(iou_matrix(rng, n, levels=40, centre=15), 1)  # so that some are delta exactly
    plan = Resamples(n, 60)
    return iou, from_matrix(iou), rng.integers(0, 5, n), plan, np.concatenate(list(plan.blocks(60)))


def test_a_part_is_counted_at_the_threshold_that_each_replicate_chooses_on_all_images() -> None:
    iou, curves, labels, plan, weights = rechosen()
    part = labels == 2
    found = draw_best(curves, 0.5, plan, part=part)["maxboxacc"]
    hits = (iou >= 0.5).astype(float)
    pick = (weights @ hits).argmax(1)
    expected = [w[part] @ hits[part, k] / w[part].sum() for w, k in zip(weights, pick, strict=True) if w[part].any()]
    assert found.replicates[weights[:, part].any(1)] == pytest.approx(expected)
    assert (found.n, found.value) == (part.sum(), pytest.approx(hits[part, hits.mean(0).argmax()].mean()))
    assert found.error >= found.replicates.std(ddof=1) - 1e-9
    assert (found.interval, found.contact) == ("rechosen", None)


def test_a_mean_over_classes_chooses_its_threshold_again_in_every_replicate() -> None:
    iou, curves, labels, plan, weights = rechosen()
    found = draw_best(curves, 0.5, plan, labels=labels)["maxboxacc"]
    hits = (iou >= 0.5).astype(float)
    means = np.array([hits[labels == c].mean(0) for c in range(5)])
    assert found.value == pytest.approx(means.mean(0).max())
    at = int(means.mean(0).argmax())
    for w, replicate in zip(weights, found.replicates, strict=True):
        moved = [w[labels == c] @ (hits[labels == c] - means[c]) / (labels == c).sum() for c in range(5)]
        assert replicate == pytest.approx((means.mean(0) + np.mean(moved, axis=0)).max())
    stratified = np.sqrt(sum(hits[labels == c, at].var() / (labels == c).sum() for c in range(5))) / 5
    assert found.error == pytest.approx(stratified, rel=0.05)


def test_drawn_classes_are_what_a_mean_over_classes_varies_with() -> None:
    iou, curves, labels, _, _ = rechosen()
    plan = Resamples.of(labels, n_resamples=50)
    weights = np.concatenate(list(plan.blocks(50)))
    found = draw_best(curves, 0.5, plan, labels=labels)["maxboxacc"]
    means = np.array([(iou[labels == c] >= 0.5).mean(0) for c in range(5)])
    times = np.array([[w[labels == c][0] for c in range(5)] for w in weights])
    assert found.replicates == pytest.approx((times @ means / 5).max(1))
    at = int(means.mean(0).argmax())
    assert found.error == pytest.approx(means[:, at].std(ddof=1) / np.sqrt(5))


@pytest.mark.parametrize("levels", [True, False])
def test_masks_may_have_another_rule_of_hits_at_the_same_threshold(*, levels: bool) -> None:
    iou, curves, labels, plan, _ = rechosen()
    if not levels:
        curves = Curves(curves.breaks / 40, curves.values, curves.offsets, None)
    found = draw_best(curves, 0.5, plan, masks={"top1_loc": labels < 3}, masks_ge=False)
    at = (iou >= 0.5).mean(0).argmax()
    assert (iou == 0.5).any()
    assert found["top1_loc"].value == pytest.approx(((iou[:, at] > 0.5) & (labels < 3)).mean())
    assert found["maxboxacc"].value == draw_best(curves, 0.5, plan)["maxboxacc"].value
    assert found["top1_loc"].contact is not None

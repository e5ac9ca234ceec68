"""The best threshold, chosen again in every replicate: against loops, and against all thresholds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.reference.stats import best_again, no_worse_chance
from tests.stats.made_up import DELTAS, from_matrix, iou_matrix
from wsol.stats import resamples as resamples_module
from wsol.stats.best import Search, can_win, draw_best, draw_best_of
from wsol.stats.draws import Draws
from wsol.stats.hits import Hits
from wsol.stats.paired import difference
from wsol.stats.resamples import Resamples


def same(a: Draws, b: Draws) -> None:
    """Every number of two draws is equal to the last bit."""
    for name in ("value", "tau", "replicates", "influence", "contact"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.estimate() == b.estimate()


def winners(hits: Hits, n_resamples: int) -> np.ndarray:
    """Which thresholds are kept."""
    first = int(hits.add().argmax())
    return can_win(hits.add(), hits.add(hits.column(first).astype(float)), first, n_resamples)


def test_every_replicate_equals_loops_over_images_and_thresholds() -> None:
    rng = np.random.default_rng(0)
    matrix = iou_matrix(rng, 30, levels=20, centre=6) >= 0.5
    mask, plan = rng.random(30) < 0.6, Resamples(30, 40)
    (weights,) = plan.blocks(40)
    maxima, masked, curse = best_again(matrix.tolist(), weights.tolist(), mask.tolist())
    search = Search(hits=Hits.from_matrix(matrix), resamples=plan, masks={"top1_loc": mask})
    (found,) = draw_best_of([search])
    assert found["maxboxacc"].replicates.tolist() == pytest.approx(maxima, abs=1e-15)
    assert found["top1_loc"].replicates.tolist() == pytest.approx(masked, abs=1e-15)
    assert found["maxboxacc"].contact is not None
    assert found["maxboxacc"].contact.tolist() == pytest.approx(curse, abs=1e-15)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("n", [40, 909, pytest.param(6000, marks=pytest.mark.full)])
def test_thresholds_that_cannot_win_change_nothing(n: int, *, exact: bool) -> None:
    curves = from_matrix(iou_matrix(np.random.default_rng(n), n))
    if exact:
        curves = type(curves)(curves.breaks / 255, curves.values, curves.offsets)
    mask, plan = np.arange(n) % 3 > 0, Resamples(n, 300)
    for delta in DELTAS:
        hits = curves.hits(delta)
        some, every = draw_best_of(
            [Search(hits=hits, resamples=plan, masks={"top1_loc": mask}, every=e) for e in (False, True)]
        )
        for name in some:
            same(some[name], every[name])
        kept = winners(hits, 300).sum()
        assert kept < len(hits.grid) if n > 500 else kept <= len(hits.grid)


def test_a_threshold_that_is_left_out_wins_as_rarely_as_the_bound_says() -> None:
    """Against the exact chance, over all numbers of images that are hits at only one of two thresholds."""
    for n in (6, 14):
        for worse in range(1, n + 1):
            for better in range(min(worse, n - worse + 1)):
                bound = math.exp(-((math.sqrt(worse) - math.sqrt(better)) ** 2))
                assert no_worse_chance(n, better, worse) <= bound + 1e-12


def test_only_what_cannot_win_is_left_out() -> None:
    """100 images: at threshold 1 all are hits, at threshold 2 just fewer, at 0 and 3 so few that none can win."""
    matrix = np.zeros((100, 4), bool)
    matrix[:20, 0] = matrix[:, 1] = matrix[:90, 2] = True
    hits = Hits.from_matrix(matrix)
    # exp(-80) and exp(-10), of which the first is below 1e-9 / (4 thresholds x 1000 replicates)
    assert winners(hits, 1000).tolist() == [False, True, True, False]
    assert winners(Hits.from_matrix(np.repeat(matrix, 4, axis=0)), 1000).tolist() == [False, True, False, False]


def test_searches_are_the_same_alone_and_together_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, plan = np.random.default_rng(3), Resamples(300, 90)
    all_hits = [from_matrix(iou_matrix(rng, 300, centre=c)).hits(0.5) for c in (40, 70, 100)]
    labels, part = rng.integers(0, 7, 300), rng.random(300) < 0.4
    kinds = ({}, {"part": part}, {"labels": labels}, {"labels": labels, "part": part})
    searches = [Search(hits=hits, resamples=plan, **kind) for hits in all_hits for kind in kinds]  # type: ignore[arg-type]
    together = draw_best_of(searches)
    monkeypatch.setattr(resamples_module, "BLOCK_CELLS", 300 * 17)
    for one, alone in zip(together, (draw_best_of([s])[0] for s in searches), strict=True):
        np.testing.assert_allclose(one["maxboxacc"].replicates, alone["maxboxacc"].replicates, atol=1e-11, rtol=0)
        assert one["maxboxacc"].tau == alone["maxboxacc"].tau


def test_paired_differences_are_those_of_each_replicate() -> None:
    """Weights are shared: equal methods differ in no replicate, and other seeds agree to resampling error."""
    rng = np.random.default_rng(5)
    place = iou_matrix(rng, 400)
    one, two = (from_matrix(np.clip(place + rng.normal(0, 0.1, (400, 1)), 0, 1)) for _ in range(2))
    of_seed = []
    for seed in range(2):
        plan = Resamples(400, 1000, seed)
        a, b, again = (draw_best(c, 0.5, plan)["maxboxacc"] for c in (one, two, one))
        assert not (a.replicates - again.replicates).any()
        of_seed.append((a.estimate(), difference(a, b)))
    first, second = of_seed
    width = first[0].high - first[0].low
    for end in ("low", "high"):
        assert getattr(first[0], end) == pytest.approx(getattr(second[0], end), abs=0.1 * width)
        assert getattr(first[1], end) == pytest.approx(getattr(second[1], end), abs=0.1 * width)
    assert first[0] != second[0]


def test_classes_that_are_drawn_and_float32_counts_are_exact() -> None:
    rng = np.random.default_rng(6)
    matrix = iou_matrix(rng, 200) >= 0.5
    labels = rng.integers(0, 9, 200)
    plan = Resamples.of(labels, n_resamples=50)
    (weights,) = plan.blocks(50)
    (found,) = draw_best_of([Search(hits=Hits.from_matrix(matrix), resamples=plan)])
    shares = (weights.astype(float) @ matrix) / weights.sum(1, dtype=float)[:, None]
    np.testing.assert_array_equal(found["maxboxacc"].replicates, shares.max(1))


def test_hits_change_where_any_image_flips() -> None:
    matrix = np.array([[0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1]], bool)
    hits = Hits.from_matrix(matrix)
    assert hits.changes(hits.grid).tolist() == [True, False, True, False, True, True]
    assert hits.changes(np.array([0.0, 3.0])).tolist() == [True, True]  # what flips at 2 is seen at 3

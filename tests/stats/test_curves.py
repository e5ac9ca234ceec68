"""Step curves and their accuracy over the threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.stats import accuracy_at, best_threshold, iou_at
from tests.stats.made_up import from_lists, from_matrix, iou_matrix, step_lists
from wsol.errors import ConfigError, DataError
from wsol.stats.curves import Curves
from wsol.stats.hits import Hits

# three images, ten levels: the table one can fill in by hand
BREAKS = [[0, 4], [0, 2, 6], [0]]
VALUES = [[0.2, 0.5], [0.1, 0.6, 0.4], [0.5]]


def test_a_table_filled_in_by_hand() -> None:
    toy = from_lists(BREAKS, VALUES, levels=10)
    grid, accuracy = toy.accuracy(0.5)
    assert grid.tolist() == list(range(10))
    # image 2 always, image 1 on 2..5, image 0 from 4 on
    np.testing.assert_array_equal(np.round(accuracy * 3), [1, 1, 2, 2, 3, 3, 2, 2, 2, 2])
    assert toy.best(0.5) == (1.0, 4.0)
    assert toy.best(0.55) == (pytest.approx(1 / 3), 2.0)
    assert toy.best(0.5, [1, 5, 1]) == (1.0, 4.0)
    assert toy.best(0.6, [1, 5, 1]) == (pytest.approx(5 / 7), 2.0)
    assert toy.at(3).tolist() == [0.2, 0.6, 0.5]
    assert toy.at(4).tolist() == [0.5, 0.6, 0.5]


def test_more_than_delta_is_stricter_than_at_least_delta() -> None:
    toy = from_lists(BREAKS, VALUES, levels=10)
    assert toy.best(0.5, ge=False) == (pytest.approx(1 / 3), 2.0)
    assert toy.accuracy(0.5, ge=False)[1].sum() < toy.accuracy(0.5)[1].sum()


def test_no_hit_anywhere_is_zero_at_the_first_threshold() -> None:
    for levels in (10, None):
        assert from_lists([[0]], [[0.4]], levels=levels).best(0.5) == (0.0, 0.0)


@given(step_lists(levels=12), st.sampled_from([0.3, 0.5, 0.7]), st.booleans(), st.integers(0, 3))
def test_integer_levels_equal_brute_force(
    lists: tuple[list[list[float]], list[list[float]]], delta: float, ge: bool, seed: int
) -> None:
    breaks, values = lists
    toy = from_lists(breaks, values, levels=12)
    weights = np.random.default_rng(seed).integers(0, 3, toy.n) + np.eye(toy.n, dtype=int)[0]
    pairs = list(zip(breaks, values, strict=True))
    grid, accuracy = toy.accuracy(delta, weights, ge=ge)
    assert accuracy.tolist() == pytest.approx([accuracy_at(pairs, t, delta, weights, ge=ge) for t in grid])
    assert toy.best(delta, weights, ge=ge) == pytest.approx(best_threshold(pairs, delta, weights, ge=ge))


@given(step_lists(levels=None), st.sampled_from([0.3, 0.5, 0.7]), st.booleans(), st.integers(0, 3))
def test_float_breaks_equal_brute_force(
    lists: tuple[list[list[float]], list[list[float]]], delta: float, ge: bool, seed: int
) -> None:
    breaks, values = lists
    toy = from_lists(breaks, values)
    weights = np.random.default_rng(seed).integers(0, 3, toy.n) + np.eye(toy.n, dtype=int)[0]
    pairs = list(zip(breaks, values, strict=True))
    grid, accuracy = toy.accuracy(delta, weights, ge=ge)
    for probe in {*grid.tolist(), *(b + 1e-9 for own in breaks for b in own)}:
        now = accuracy[np.searchsorted(grid, probe, side="right") - 1]
        assert now == pytest.approx(accuracy_at(pairs, probe, delta, weights, ge=ge))
        assert toy.at(probe).tolist() == [iou_at(b, v, probe) for b, v in pairs]
    assert toy.best(delta, weights, ge=ge) == pytest.approx(best_threshold(pairs, delta, weights, ge=ge))


def test_integer_levels_and_float_breaks_flip_alike() -> None:
    curves = from_matrix(iou_matrix(np.random.default_rng(0), 200))
    weights = np.random.default_rng(1).integers(0, 4, (5, 200)).astype(np.float32)
    grid = curves.hits(0.5)
    events = Curves(curves.breaks / 255, curves.values, curves.offsets).hits(0.5)
    at = np.searchsorted(events.grid, grid.grid / 255 + 1e-9, side="right") - 1
    np.testing.assert_array_equal(grid.counts(weights), events.counts(weights)[:, at])
    for level in (0, 40, 254):
        np.testing.assert_array_equal(grid.column(level), events.column(int(at[level])))


@given(st.integers(1, 40), st.integers(1, 3), st.integers(0, 20))
def test_packed_bits_are_the_hits_they_were_made_of(width: int, deltas: int, seed: int) -> None:
    bits = np.random.default_rng(seed).random((7, deltas * width)) < 0.5
    packed = np.packbits(bits, axis=1)
    for delta in range(deltas):
        hits = Hits.from_packed(packed, delta * width, width)
        own = bits[:, delta * width : (delta + 1) * width]
        np.testing.assert_array_equal(np.stack([hits.column(t) for t in range(width)], 1), own)
        np.testing.assert_array_equal(hits.add(), own.sum(0))
        np.testing.assert_array_equal(hits.take(np.array([5, 0])).column(width - 1), own[[5, 0], -1])
        chosen = np.flatnonzero(own.any(0))
        if len(chosen):
            first, steps = hits.on(chosen.astype(float))
            rest = np.cumsum(steps.matrix(np.ones(7)).toarray(), axis=0)
            np.testing.assert_array_equal(first + rest, own[:, chosen].T)


@given(step_lists(levels=12), st.randoms(use_true_random=False))
def test_a_doubled_weight_is_a_doubled_image_and_order_does_not_matter(
    lists: tuple[list[list[float]], list[list[float]]], random: object
) -> None:
    toy = from_lists(*lists, levels=12)
    doubled = np.ones(toy.n)
    doubled[0] = 2
    assert toy.best(0.5, doubled) == toy.take([0, *range(toy.n)]).best(0.5)
    order = list(range(toy.n))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert toy.best(0.5) == toy.take(order).best(0.5)


def test_a_slice_keeps_the_curves_of_its_images() -> None:
    toy = from_lists(BREAKS, VALUES, levels=10)
    assert toy.take([True, False, True]).at(5).tolist() == [0.5, 0.5]
    assert toy.take([2, 1]).at(3).tolist() == [0.5, 0.6]
    assert toy.where([False, True, False]).best(0.5) == (pytest.approx(1 / 3), 2.0)


@pytest.mark.parametrize(
    ("breaks", "values", "levels", "words"),
    [
        ([[1.0]], [[0.5]], 10, "doesn't start at threshold 0"),
        ([[0.0], [0.0, 3.0, 3.0]], [[0.5], [0.1, 0.2, 0.3]], 10, "image 1 has breaks that don't increase"),
        ([[0.0, 10.0]], [[0.5, 0.5]], 10, r"outside \[0, 10\)"),
        ([[0.0, 0.5]], [[0.5, 0.5]], 10, "no whole number"),
        ([[0.0, 1.0]], [[0.5, 0.5]], None, r"outside \[0, 1\)"),
        ([[0.0]], [[float("nan")]], None, r"IoU outside \[0, 1\]"),
        ([[0.0], []], [[0.5], []], None, "image 1 has an empty curve"),
        ([[0.0, 0.5]], [[0.5]], None, "2 breaks, 1 values, offsets up to 2"),
        ([[0.0]], [], None, "1 breaks, 0 values, offsets up to 1"),
    ],
)
def test_curves_that_cannot_be_are_refused(
    breaks: list[list[float]], values: list[list[float]], levels: int | None, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        from_lists(breaks, values, levels=levels)


def test_questions_without_an_answer_are_refused() -> None:
    toy = from_lists(BREAKS, VALUES, levels=10)
    with pytest.raises(ConfigError, match=r"threshold 10 lies outside \[0, 10\)"):
        toy.at(10)
    with pytest.raises(DataError, match="one weight an image"):
        toy.best(0.5, [1, 2])
    with pytest.raises(DataError, match="not all zero"):
        toy.best(0.5, [0, 0, 0])
    with pytest.raises(DataError, match="no images"):
        from_lists([], []).best(0.5)

"""Bits of images side by side, against the matrix of hits itself."""

from __future__ import annotations

import numpy as np
import pytest

from wsol.stats import bits as module
from wsol.stats.averages import COUNTED, Average
from wsol.stats.best import Search, draw_best_of, first_largest
from wsol.stats.bits import CHUNK, Bits, ones
from wsol.stats.hits import Flips, Hits
from wsol.stats.resamples import Resamples


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def flipping(rng: np.random.Generator, n: int, g: int) -> np.ndarray:
    """(n, g) hits that flip a few times."""
    flips = rng.random((n, g)) < 4 / g
    return np.cumsum(flips, axis=1) % 2 == 1


def by_flips(matrix: np.ndarray) -> Hits:
    """The same hits without their bits."""
    whole = Hits.from_matrix(matrix)
    return Hits(whole.n, whole.grid, Flips(whole.flips.images, whole.flips.places, whole.flips.signs))


@pytest.mark.parametrize("n", [1, 7, 64, 65, 300, CHUNK + 70])
@pytest.mark.parametrize("start", [0, 5, 14])
def test_each_threshold_has_the_bits_of_its_column(rng: np.random.Generator, n: int, start: int) -> None:
    matrix, mask = flipping(rng, n, 60), rng.random(n) < 0.5
    bits = Bits.of(np.packbits(matrix, axis=1), start, 40)
    own = matrix[:, start : start + 40]
    np.testing.assert_array_equal(np.stack([bits.column(t) for t in range(40)], 1), own)
    np.testing.assert_array_equal(bits.counts(), own.sum(0))
    np.testing.assert_array_equal(bits.counts(mask), own[mask].sum(0))
    np.testing.assert_array_equal(bits.changes()[1:], (own[:, 1:] != own[:, :-1]).any(0))


def test_ones_are_counted_without_numpy_2(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    words = rng.integers(0, 1 << 62, (5, 3)).astype(np.uint64)
    expected = [sum(int(word).bit_count() for word in row) for row in words]
    assert ones(words).tolist() == expected
    monkeypatch.delattr(module.np, "bitwise_count", raising=False)
    assert ones(words).tolist() == expected


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_running_sums_of_flips_are_counts(rng: np.random.Generator, first: bool, masked: bool) -> None:
    matrix, weights = flipping(rng, 100, 30), rng.integers(0, 4, 100)
    mask = rng.random(100) < 0.5 if masked else None
    counted = weights if mask is None else weights * mask
    places = np.array([2, 3, 9, 20])
    expected = counted @ matrix[:, places] - (0 if first else counted @ matrix[:, 2])
    for hits in (Hits.from_matrix(matrix), by_flips(matrix)):
        steps = hits.counting(places.astype(float), mask, np.int16, first=first) @ weights.astype(np.int16)[:, None]
        assert steps.dtype == np.int16
        np.testing.assert_array_equal(np.cumsum(steps), expected)


def test_bits_and_flips_draw_the_same(rng: np.random.Generator) -> None:
    """Of images, of a part, and of so many that they are counted in float32."""
    for n in (150, COUNTED):
        matrix, mask, part = flipping(rng, n, 40), rng.random(n) < 0.5, rng.random(n) < 0.3
        plan = Resamples(n, 60, 3)
        for kind in ({}, {"part": part}):
            one, other = (
                draw_best_of([Search(hits=hits, resamples=plan, masks={"top1_loc": mask}, **kind)])[0]
                for hits in (Hits.from_matrix(matrix), by_flips(matrix))
            )
            for name in one:
                np.testing.assert_array_equal(one[name].replicates, other[name].replicates)
                assert one[name].estimate() == other[name].estimate()


def test_sixteen_bits_hold_every_count() -> None:
    """All images are hits, and one is drawn as often as it can be: the sums reach n."""
    everyone, most = np.ones(COUNTED - 1, bool), Resamples(COUNTED - 1, 2)
    average = Average.of(None, everyone, most)
    assert average.values.dtype == np.int16
    assert np.iinfo(np.int16).max >= COUNTED - 1
    hits = Hits.from_matrix(everyone[:, None])
    (found,) = draw_best_of([Search(hits=hits, resamples=most)])
    assert found["maxboxacc"].replicates.tolist() == [1.0, 1.0]
    assert Average.of(None, np.ones(COUNTED, bool), Resamples(COUNTED, 2)).values.dtype == np.float32
    assert Average.of(None, everyone, Resamples.of(np.arange(COUNTED - 1) // 2)).values.dtype == np.float32


@pytest.mark.parametrize("rows", [1, 30, 255, 256, 400])
def test_first_largest_is_argmax(rng: np.random.Generator, rows: int) -> None:
    numbers = rng.integers(0, 9, (rows, 50))
    for kind in (np.int16, np.float64):
        np.testing.assert_array_equal(first_largest(numbers.astype(kind)), numbers.argmax(0))

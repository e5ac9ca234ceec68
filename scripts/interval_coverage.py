"""How often the suite's 95 % intervals hold the truth, in made-up worlds whose truth is known: results/coverage.md.

    python scripts/interval_coverage.py [--worlds 500] [-o results/coverage.md]

With 500 worlds a true coverage of 95 % shows as 95 +- 1.9 (two standard errors). Seeds are fixed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.stats.best import Search, draw_best_of, max_box_acc
from wsol.stats.bootstrap import draw, draw_mean
from wsol.stats.curves import Curves
from wsol.stats.hits import Hits
from wsol.stats.intervals import mean, proportion
from wsol.stats.paired import difference
from wsol.stats.pooled import best_share, class_iou
from wsol.stats.reductions import pxap
from wsol.stats.resamples import Resamples
from wsol.stats.selection import winner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ends = tuple[float, float, float]  # of an interval, and the truth
    Columns = dict[str, NDArray[Any]]  # per image
    World = Callable[[np.random.Generator], dict[str, Ends]]

DELTAS = (0.3, 0.5, 0.7)
LEVELS = 64
REPLICATES = 300
TRUTH = 200_000  # images that stand for the population


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/coverage.md"))
    chosen = parser.parse_args()
    rows = []
    for name, n, world in cases():
        for kind, (share, width) in covered(world, chosen.worlds).items():
            rows.append(f"| {name}{kind} | {n} | {100 * share:.1f} | {100 * width:.1f} |")
            print(rows[-1], flush=True)
    chosen.output.write_text("\n".join([HEAD.format(chosen.worlds), *rows, ""]))


HEAD = """# Coverage of the intervals

In each of {0} made-up worlds per row a sample is drawn from a population whose number is known; `coverage` is in how
many per cent of them the 95 % interval holds it, `width` the median width in points. "plain" is the interval that does
not know that its number was selected. Made by `python scripts/interval_coverage.py`.

| interval | n | coverage | width |
|---|--:|--:|--:|"""


def covered(world: World, worlds: int, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Share of worlds whose interval holds the truth, and the median width, by kind of interval."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[Ends]] = {}
    for _ in range(worlds):
        for kind, ends in world(rng).items():
            found.setdefault(kind, []).append(ends)
    return {
        kind: (
            float(np.mean([low <= truth <= high for low, high, truth in several])),
            float(np.median([high - low for low, high, _ in several])),
        )
        for kind, several in found.items()
    }


def cases() -> Iterator[tuple[str, int, World]]:
    """Name, n and world of each."""
    for n in (50, 200):
        yield "plain: share at a fixed threshold", n, share_world(n)
    yield "plain: mean of skewed scores", 100, mean_world(100)
    for n in (8, 20):
        yield "plain: mean with 95 % zeros", n, zeros_world(n)
    for kind, made in POOLED.items():
        for n in (20, 30, 100):
            yield f"plain: pooled score ({kind})", n, pooled_world(n, *made)
    yield "paired: shares at a fixed threshold", 200, paired_world(200)
    yield "paired: at the best threshold", 150, paired_best_world(150)
    for n in (20, 150, 400):
        yield "best threshold: MaxBoxAccV2", n, best_world(n)
    for spread, correlation in ((0.0, 0.0), (0.0, 0.8), (0.1, 0.0), (0.1, 0.8)):
        methods = "equal" if not spread else f"up to {100 * spread:.0f} points apart"
        for k in (2, 5, 10, 20, 50, 100):
            name = f"winner of {k}, {methods}, correlation {correlation:g}"
            yield name, 200, winner_world(200, k, spread, correlation)
    yield "winner of 10 at their best thresholds, equal", 150, winner_of_best_world(150, 10)
    yield "clustered classes: share", 480, clustered_world(60, 8)


def share_world(n: int, share: float = 0.6) -> World:
    """Bits of one method."""

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        got = proportion(rng.random(n) < share)
        return {"": (got.low, got.high, share)}

    return world


def mean_world(n: int) -> World:
    """Scores of each image like deletion areas."""

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        got = mean(rng.beta(0.8, 3, n))
        return {"": (got.low, got.high, 0.8 / 3.8)}

    return world


def zeros_world(n: int) -> World:
    """Numbers of which one in twenty is not 0."""

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        values = (rng.random(n) < 0.05) * rng.random(n)
        got = draw_mean(values, Resamples(n, 1), bounds=(0, 1)).estimate()
        return {"": (got.low, got.high, 0.025)}

    return world


def histograms(rng: np.random.Generator, size: int, *, heavy: bool = False) -> Columns:
    """Object and background pixels of each image; few images with most of the object's, fewer still if `heavy`."""
    bins, place = np.arange(32) / 32, 0.45 + 0.15 * rng.normal(1, 1, (size, 1))
    share = np.exp(rng.normal(-3, 1.2, (size, 1))).clip(max=0.95) if heavy else rng.beta(1, 2.5, (size, 1))
    inside = np.exp(-(((bins - place.clip(0.1, 0.95)) / 0.25) ** 2))
    outside = np.exp(-(((bins - 0.25) / 0.2) ** 2)) * np.ones((size, 1))
    inside, outside = inside * share / inside.sum(1, keepdims=True), outside * (1 - share) / outside.sum(1)[:, None]
    return {"label": np.arange(size) % 5, "inside": inside, "outside": outside}


def counted_boxes(rng: np.random.Generator, size: int) -> Columns:
    """How many boxes images have, a few of them many, and how many are found at each threshold."""
    boxes = rng.geometric(0.4, (size, 1)) + 10 * (rng.random((size, 1)) < 0.05)
    good, thresholds = rng.beta(2, 2, (size, 1)), np.arange(20) / 20
    found = good * np.exp(-(((thresholds - 0.3 * good - 0.2) / 0.2) ** 2))
    return {"objects": boxes[:, 0], "found": rng.binomial(boxes, found)}


POOLED: dict[str, tuple[Callable[..., Columns], Callable[[Any, NDArray[np.float64]], NDArray[np.float64]]]] = {
    "PxAP": (histograms, lambda c, w: pxap(w @ c["inside"], w @ c["outside"])),
    "PxAP, few large objects": (partial(histograms, heavy=True), lambda c, w: pxap(w @ c["inside"], w @ c["outside"])),
    "seed mIoU of 5 classes": (histograms, class_iou),
    "MaxBoxAccV3": (counted_boxes, best_share),
}


def pooled_world(
    n: int, made: Callable[..., Columns], number: Callable[[Any, NDArray[np.float64]], NDArray[np.float64]]
) -> World:
    """A number of the counts of all images together."""
    everything = made(np.random.default_rng(1), TRUTH)
    truth, plan = float(number(everything, np.ones((1, TRUTH)))[0]), Resamples(n, REPLICATES)

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        got = draw(partial(number, made(rng, n)), plan, bounds=(0, 1)).estimate()
        return {"": (got.low, got.high, truth)}

    return world


def paired_world(n: int) -> World:
    """Two methods that agree on most images."""

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        bits, truths = correlated_bits(rng, n, np.array([0.6, 0.55]), 0.8)
        plan = Resamples(n, REPLICATES)
        got = difference(*(draw_mean(b, plan, bounded=True) for b in bits.T))
        return {"": (got.low, got.high, float(truths[0] - truths[1]))}

    return world


def paired_best_world(n: int) -> World:
    """Two methods with maps of different brightness."""
    centers = (70, 30)
    truth = [best_of(iou_curves(np.random.default_rng(3), TRUTH // 10, centre))[1] for centre in centers]
    plan = Resamples(n, REPLICATES)

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        found = draw_best_of(
            Search(hits=Hits.from_matrix(iou_curves(rng, n, centre) >= 0.5), resamples=plan) for centre in centers
        )
        got = difference(found[0]["maxboxacc"], found[1]["maxboxacc"])
        return {"": (got.low, got.high, truth[0] - truth[1])}

    return world


def best_world(n: int) -> World:
    """One method, three thresholds that are chosen on the sample."""
    truth = float(np.mean(best_of(iou_curves(np.random.default_rng(2), TRUTH, 70))))
    plan = Resamples(n, REPLICATES)

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        iou = iou_curves(rng, n, 70)
        breaks, offsets = np.tile(np.arange(LEVELS, dtype=np.float64), n), np.arange(n + 1) * LEVELS
        got = max_box_acc(Curves(breaks, iou.ravel(), offsets, LEVELS), plan)[0].estimate()
        return {"": (got.low, got.high, truth)}

    return world


def winner_world(n: int, k: int, spread: float, correlation: float) -> World:
    """The best of k methods at fixed thresholds."""
    plan, shares = Resamples(n, REPLICATES), 0.6 - spread * np.linspace(0, 1, k)

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        bits, truths = correlated_bits(rng, n, shares, correlation)
        first = int(bits.mean(0).argmax())
        draws = [draw_mean(b, plan, bounded=True) for b in bits.T]
        plain = draws[first].estimate()
        got = winner(draws[first], [*draws[:first], *draws[first + 1 :]])
        assert got is not None
        truth = float(truths[first])
        return {"": (got.estimate.low, got.estimate.high, truth), ", plain": (plain.low, plain.high, truth)}

    return world


def winner_of_best_world(n: int, k: int) -> World:
    """The best of k equal methods, each at its best threshold."""
    truth = best_of(iou_curves(np.random.default_rng(2), TRUTH, 70))[1]
    plan = Resamples(n, REPLICATES)

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        found = draw_best_of(
            Search(hits=Hits.from_matrix(iou_curves(rng, n, 70) >= 0.5), resamples=plan) for _ in range(k)
        )
        draws = sorted((one["maxboxacc"] for one in found), key=lambda one: -one.value)
        got, plain = winner(draws[0], draws[1:]), draws[0].estimate()
        assert got is not None
        return {"": (got.estimate.low, got.estimate.high, truth), ", plain": (plain.low, plain.high, truth)}

    return world


def clustered_world(classes: int, images: int) -> World:
    """Images of one class succeed or fail together."""
    labels = np.repeat(np.arange(classes), images)

    def world(rng: np.random.Generator) -> dict[str, Ends]:
        bits = rng.random(len(labels)) < np.repeat(rng.beta(2, 2, classes), images)
        got, plain = proportion(bits, clusters=labels), proportion(bits)
        return {"": (got.low, got.high, 0.5), ", plain": (plain.low, plain.high, 0.5)}

    return world


def correlated_bits(
    rng: np.random.Generator, n: int, shares: NDArray[np.float64], correlation: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(n, k) hits of k methods that find the same images hard, and their true shares."""
    ease = np.sqrt(correlation) * rng.normal(size=(n, 1)) + np.sqrt(1 - correlation) * rng.normal(size=(n, len(shares)))
    return ease < np.array([NormalDist().inv_cdf(share) for share in shares]), shares


def iou_curves(rng: np.random.Generator, n: int, centre: float) -> NDArray[np.float64]:
    """(n, LEVELS) IoU of n images: each rises to its own peak near a threshold of its own, and falls."""
    place, width, peak = rng.normal(centre, 40, (n, 1)), np.exp(rng.normal(4.2, 0.5, (n, 1))), rng.beta(4, 2, (n, 1))
    at = np.arange(LEVELS) * 255 / LEVELS
    return np.asarray(peak * np.exp(-(((at - place) / width) ** 2)))


def best_of(iou: NDArray[np.float64]) -> list[float]:
    """MaxBoxAcc at each delta."""
    return [float((iou >= delta).mean(0).max()) for delta in DELTAS]


if __name__ == "__main__":
    main()

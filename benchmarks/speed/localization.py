"""How long V1 and V2 of one map take at all thresholds, beside clovaai/wsolevaluation's rule on OpenCV.

Both sides start from the same raw map and resize it to 224x224 (cubic, float64), scale it
to 0..1, and give the best IoU with two ground-truth boxes at each threshold, for the largest contour (V1) and for all
contours (V2). The reference does so at each of its 1000 thresholds, with one search for contours for both; we by one
sweep of all levels, and make the rows' columns as well. The IoU must agree to the last bit, or the benchmark stops.

The first rows are milliseconds of processor time per map on one core, compilation excluded. For maps of noise the
reference is measured at every 50th threshold of one map and multiplied (~), because one takes half a minute. The last
rows are wall time of the same maps in chunks over threads, and of a loop that shows what threads can gain here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.rows import Plan, Row, faster
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap, Localizations
from wsol.protocols._base import protocols
from wsol.views import view_named

SIDE = 224
MAPS = 100
CHUNK = 25
TARGETS = {7: 80, 14: 80, 28: 120, 56: 120, SIDE: 1000}  # by the side of the raw map; SIDE is noise
GT = np.array([[50.0, 50.0, 150.0, 150.0], [0.0, 0.0, 100.0, 100.0]])
TAUS = np.arange(0, 1, 0.001)
PROTOCOLS = (protocols["choe2020_v1"], protocols["choe2020_v2"])
LAYOUT = view_named("squash", SIDE).layout((SIDE, SIDE))
Map = NDArray[np.float64]
Best = tuple[NDArray[np.float64], ...]


def ours(raw: list[Map]) -> dict[str, Localizations]:
    """The columns that rows keep: step curves of IoU, counts and boxes, and bits of hits."""
    return localize([ImageMap(raw=one, layout=LAYOUT, boxes_xyxy=GT) for one in raw], PROTOCOLS)


def reference(raw: Map, taus: NDArray[np.float64] = TAUS) -> Best:
    """The same for one map, by the rule of clovaai/wsolevaluation, one threshold after the other."""
    resized = cv2.resize(raw, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    scaled = (resized - resized.min()) / (resized.max() - resized.min())
    gray = np.expand_dims((scaled * 255).astype(np.uint8), 2)
    best: tuple[list[float], list[float]] = ([], [])
    for tau in taus:
        _, above = cv2.threshold(gray, int(tau * np.max(gray)), 255, cv2.THRESH_BINARY)
        contours = cv2.findContours(above, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
        kept = ([max(contours, key=cv2.contourArea)], contours) if len(contours) else ([], [])
        for scores, chosen in zip(best, kept, strict=True):
            boxes = [[0, 0, 0, 0]] if not len(contours) else []
            for contour in chosen:
                x, y, width, height = cv2.boundingRect(contour)
                boxes.append([x, y, min(x + width, SIDE - 1), min(y + height, SIDE - 1)])
            scores.append(reference_iou(np.asarray(boxes), GT).max())
    return np.array(best[0]), np.array(best[1])


def reference_iou(a: NDArray[np.int64], b: Map) -> Map:
    """IoU of all pairs of inclusive boxes, with arrays as the reference does."""
    start = np.maximum(a[:, None, :2], b[None, :, :2])
    end = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.prod(np.maximum(0, end - start + 1), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1) for boxes in (a, b)]
    return np.asarray(overlap / (areas[0][:, None] + areas[1][None] - overlap))


def raw_maps(side: int) -> list[Map]:
    rng = np.random.default_rng(side)
    return [rng.random((side, side)) for _ in range(MAPS)]


def milliseconds(call: Callable[[], object], clock: Callable[[], float], runs: int) -> float:
    """The median of several runs."""
    times = []
    for _ in range(runs):
        start = clock()
        call()
        times.append(clock() - start)
    return float(np.median(times)) * 1e3


def rows(plan: Plan) -> Iterator[Row]:
    cv2.setNumThreads(1)
    maps = plan.of(MAPS, 10)
    for side, target in TARGETS.items():
        yield one_core(side, maps, target, runs=plan.of(15, 3))
    for side in TARGETS:
        yield threaded(side, maps, plan)
    yield alone(plan)


def one_core(side: int, maps: int, target: float, *, runs: int) -> Row:
    raw = raw_maps(side)[:maps]
    checked, taus = (1, TAUS[::50]) if side == SIDE else (min(maps, CHUNK), TAUS)
    made = [found.iou.at(taus) for found in ours(raw).values()]
    expected: list[Best] = []
    theirs = milliseconds(lambda: expected.extend(reference(r, taus) for r in raw[:checked]), time.process_time, 1)
    theirs *= len(TAUS) / len(taus) / checked
    for i, best in enumerate(expected):
        for a, b in zip(made, best, strict=True):
            np.testing.assert_array_equal(a[i], b)
    fast = milliseconds(lambda: ours(raw), time.process_time, runs) / maps
    return faster(
        "localization",
        f"V1 and V2 of a {side}x{side} map",
        "wsolevaluation's rule on OpenCV",
        theirs,
        fast,
        target,
        unit="ms per map",
        note="the IoU agrees to the last bit" + (" (~)" if side == SIDE else ""),
        facts={f"ms_per_map/{side}": fast},
    )


def threaded(side: int, maps: int, plan: Plan) -> Row:
    raw = raw_maps(side)[:maps]
    chunks = [raw[i : i + CHUNK] for i in range(0, len(raw), CHUNK)]
    return shared(plan, f"{side}x{side} maps", ours, chunks, len(raw), "map", {2: 1.9, 16: 12.0}.get(plan.threads))


def alone(plan: Plan) -> Row:
    """What threads can gain on this machine at all, of work that needs neither memory nor Python."""
    turn(1)
    turns = [plan.of(20_000_000, 1_000_000)] * 4
    return shared(plan, "a loop without memory", turn, turns, len(turns), "loop", None)


@numba.njit(nogil=True)
def turn(times: int) -> int:
    """A number that takes so many steps, each of which needs the one before (xorshift)."""
    x = np.uint64(88172645463325252)
    for _ in range(times):
        x ^= x << np.uint64(13)
        x ^= x >> np.uint64(7)
        x ^= x << np.uint64(17)
    return x


def shared(
    plan: Plan, what: str, call: Callable[[Any], object], parts: list[Any], units: int, unit: str, target: float | None
) -> Row:
    """Parts of some work on one thread and on all of the plan's."""
    work, against = f"{what} on {plan.threads} threads", "one thread"
    if plan.threads < 2:
        return Row(topic="localization", work=work, against=against, note="not measured (one thread)")
    with ThreadPoolExecutor(plan.threads) as pool:
        single, several = plan.in_turn(
            [lambda: [call(part) for part in parts], lambda: list(pool.map(call, parts))], repeats=15
        )
    return Row(
        topic="localization",
        work=work,
        against=against,
        theirs=1e3 * single / units,
        ours=1e3 * several / units,
        unit=f"ms per {unit}",
        ratio=single / several,
        goal="at least" if target else "",
        target=target,
    )

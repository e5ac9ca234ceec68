"""How long the boxes of one 224x224 map take at all its levels, beside OpenCV looped over the 255 levels.

    python benchmarks/speed/boxes.py

Prints a Markdown table, all from this process: median milliseconds of processor time on one core, compilation excluded,
and how many times less the sweep takes. Processor time, because wall time on a shared machine measures the others.
Peers marked with ~ are measured on every 16th level and multiplied, because the whole loop takes seconds.
`sweep` is the boxes with their intervals; `+ IoU` adds the best IoU with two ground-truth boxes at every level.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wsol.boxes.curve import iou_curve
from wsol.boxes.sweep import quantise, rank, sweep

SIDE = 224
GT = np.array([[50, 50, 150, 150], [0, 0, 100, 100]])
COMPONENTS: tuple[Any, ...] = ("largest_polygon", "largest_rect", "largest_pixels", "all", "all_with_holes")


def maps() -> dict[str, NDArray[np.float64]]:
    """A smooth map as from a 7x7 layer, a rougher one, and the two worst cases."""
    rng = np.random.default_rng(0)
    board = np.indices((SIDE, SIDE)).sum(0) % 2
    return {
        "smooth, from 7x7": smooth(rng.random((7, 7))),
        "smooth, from 28x28": smooth(rng.random((28, 28))),
        "noise": rng.random((SIDE, SIDE)),
        "one-pixel checkerboard": board.astype(np.float64),
        "checkerboard of noise": board * rng.random((SIDE, SIDE)),
    }


def smooth(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    large = cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray((large - large.min()) / np.ptp(large))


def opencv_level(ranks: NDArray[np.uint8], t: int, component: str) -> None:
    """What an evaluator does at one threshold."""
    mask = np.asarray(ranks > t, np.uint8)
    if component in ("largest_pixels", "all"):
        stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2]
        if component == "largest_pixels" and len(stats) > 1:
            stats[1:, cv2.CC_STAT_AREA].argmax()
        return
    contours = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if component == "all_with_holes":
        for contour in contours:
            cv2.boundingRect(contour)
    elif contours:
        cv2.boundingRect(max(contours, key=cv2.contourArea if component == "largest_polygon" else rectangle))


def rectangle(contour: Any) -> int:
    width, height = cv2.boundingRect(contour)[2:]
    return int(width * height)


def milliseconds(call: Callable[[], object], runs: int = 15) -> float:
    call()
    times = []
    for _ in range(runs):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return float(np.median(times)) * 1e3


def opencv_milliseconds(ranks: NDArray[np.uint8], component: str) -> tuple[float, str]:
    sampled = 255 / 16 * milliseconds(lambda: [opencv_level(ranks, t, component) for t in range(7, 255, 16)], 1)
    if sampled > 500:
        return sampled, "~"
    return milliseconds(lambda: [opencv_level(ranks, t, component) for t in range(255)], 5), ""


def main() -> None:
    cv2.setNumThreads(1)
    print("| map | component | boxes | sweep ms | + IoU ms | OpenCV loop ms | ratio | all float levels ms |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for name, map01 in maps().items():
        ranks = quantise(map01)
        for component in COMPONENTS:

            def swept(component: Any = component, ranks: Any = ranks) -> Any:
                return sweep(ranks, levels=256, component=component)

            def scored(swept: Any = swept) -> Any:
                return iou_curve(swept(), GT, levels=256, convention="plus1", empty=(0, 0, 0, 0))

            def exact(component: Any = component, map01: Any = map01) -> Any:
                order, values = rank(map01)
                return sweep(order, levels=len(values) + 1, component=component)

            ours = milliseconds(swept)
            theirs, mark = opencv_milliseconds(ranks.astype(np.uint8), component)
            row = f"| {name} | {component} | {len(swept().boxes)} | {ours:.2f} | {milliseconds(scored):.2f} |"
            print(f"{row} {mark}{theirs:.1f} | {theirs / ours:.1f} | {milliseconds(exact):.1f} |", flush=True)


if __name__ == "__main__":
    main()

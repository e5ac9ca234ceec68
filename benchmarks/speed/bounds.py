"""What bounds the rows that miss their target, from profiles; printed below the table for those that do miss it.

By the beginning or the end of a row's `work`. A profile is of two cores of an AMD EPYC on 2026-11-27 unless it says
otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BOUNDS = {
    "24 variants": "torch's profiler: 60 % convolutions, 10 % batch norm, 10 % products of the methods, 8 % their "
    "sums, ReLUs and absolute values, nearly all at the shallowest layer.",
    "whole run, resnet50": "the passes take 82 % of a run; scoring 24 maps under two protocols takes 8 of both cores' "
    "ms per image, rows and files 5, loading 1.6 (topic `stages`).",
    "whole run, mobilenet_v2": "scoring 24 maps under two protocols takes 11 ms per image of both cores, two thirds of "
    "the passes; rows and files take 1.9, loading 1.6 (topic `stages`).",
    "deletion + insertion, ResNet-50": "torch's profiler: 68 % convolutions, 18 % batch norm, 7 % the blur in float64. "
    "448 forwards beside 464 of RISE's: the ratio is that of the two memory layouts, and what a run saves by keeping "
    "freed memory (docs/cost.md); it moves with the machine.",
    "maps on 2 threads": "the row of a loop without memory says what two threads gain on this machine; the rest is "
    "Python, 15 to 20 us per map, for which the threads wait for each other, and memory that both read.",
    "Score-CAM, exact": "78 % convolutions, as many forwards as the peer's in chunks of the same size.",
    "909 images": "half of a table's processor seconds are imports: pyarrow 0.12, SciPy 0.16, NumPy 0.07, our 80 "
    "modules 0.15; of the statistics' 0.15 drawing 1,000 generators takes 13 %, ranks 8 %. On idle cores commit "
    "98a594b needs 4 s by the clock; where others use two thirds of them its BLAS threads wait for each other, up to "
    "16 s.",
    "the demo": "imports 30 %, searching the best thresholds 25 %, telling equal maps 20 %, intervals 10 %.",
    "50000 images": "decoding Parquet 0.7 to 1.2 s, sparse products 0.6, joining columns 0.4, bits of hits 0.35.",
    "approximate, 10%": "with untried scores known to 0.1 % of their variance 92 to 98 % of the boxes stay: a side "
    "moves by a pixel when the map changes by less than a percent.",
}


def bound_of(work: str) -> str:
    """What bounds a piece of work; empty where no profile was taken."""
    return next((why for what, why in BOUNDS.items() if work.startswith(what) or work.endswith(what)), "")


def lines_of(records: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown for the rows that miss their target and what bounds them, each bound once."""
    missed: dict[str, list[str]] = {}
    for record in records:
        if record["met"] == "no" and (why := bound_of(record["work"])):
            missed.setdefault(why, []).append(record["work"])
    if not missed:
        return []
    lines = ["", "## Missed, and what bounds it", ""]
    return [*lines, *(f"- {'; '.join(works)}: {why}" for why, works in missed.items())]

"""What bounds the rows that miss their target, from profiles; printed below the table for those that do miss it.

By the beginning of a row's `work`. A profile is of two cores of an AMD EPYC on 2026-11-27 unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BOUNDS = {
    "24 variants": "torch's profiler: 60 % convolutions, 10 % batch norm, 10 % products of the methods, 8 % their "
    "sums, ReLUs and absolute values, nearly all at the shallowest layer.",
    "whole run, resnet50": "of 60 ms per image (topics `run` and `stages`) the passes take 41, scoring 24 maps under "
    "two protocols 9.5 of both cores, rows and files 4.6, loading 1.1, and what methods add to the passes the rest.",
    "whole run, mobilenet_v2": "scoring 24 maps under two protocols takes 10 ms per image of both cores (topic "
    "`stages`), as long as the passes with all methods (9.3); rows take 1.6 and loading 1.",
    "deletion + insertion, ResNet-50": "torch's profiler: 68 % convolutions, 18 % batch norm, 7 % the blur in float64. "
    "448 forwards beside 464 of RISE's: the ratio is that of the two memory layouts, and moves with the machine (1.09 "
    "and 1.24 on one day). At 16 images per chunk a third of a forward is fresh memory that the system clears, 12,000 "
    "page faults per image: 57 ms of processor time per forward, and 39 where freed memory is kept (docs/cost.md).",
    "Score-CAM, exact": "78 % convolutions, as many forwards as the peer's in chunks of the same size.",
    "909 images": "a table takes 0.5 processor seconds, half of them imports (NumPy, pyarrow, our 80 modules); "
    "of the statistics' 0.15 drawing 1,000 generators takes 13 %, ranks 8 %. On idle cores commit 98a594b needs 4 s by "
    "the clock; where others use two thirds of them its BLAS threads wait for each other, for up to 16 s.",
    "the demo": "imports 30 %, searching the best thresholds 25 %, telling equal maps 20 %, intervals 10 %.",
    "50000 images": "decoding Parquet 0.7 to 1.2 s, sparse products 0.6, joining columns 0.4, bits of hits 0.35.",
    "approximate, 10%": "with untried scores known to 0.1 % of their variance 92 to 98 % of the boxes stay: a side "
    "moves by a pixel when the map changes by less than a percent.",
}


def bound_of(work: str) -> str:
    """What bounds a piece of work; empty where no profile was taken."""
    return next((why for what, why in BOUNDS.items() if work.startswith(what)), "")


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

"""Write what runs over many images take into docs/cost.md, computed from results/speed.csv (topic `stages`).

    python scripts/estimate_cost.py             write the tables
    python scripts/estimate_cost.py --speed F   from another file

The rate of a GPU is not in that file, which is of a machine without one; it is that of results/speed_gpu.md.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cost.md"
BEGIN, END = "<!-- tables: made by scripts/estimate_cost.py -->", "<!-- end of the tables -->"
IMAGES = (50_000, 1_000_000, 10_000_000)
# Images per second of 24 variants of ResNet-50 in batches of 64, float32, deterministic kernels: one H200 with 16 cores
# (results/speed_gpu.md). The processes that score there are two fewer than cores, and take a core each.
GPU_PASSES = 1003.0
SCORING_PROCESSES = 14.0
NETWORK = "resnet50"


@dataclass(frozen=True)
class Stages:
    """Milliseconds per image: `load`, `score` and `rows` of one core, `network` of two threads; bytes per image."""

    load: float
    network: float
    score: float
    rows: float
    bytes: float
    variants: int

    @property
    def two_cores(self) -> float:
        """Milliseconds per image of a whole run; stages take turns, and two of them use both cores."""
        return (self.load + self.score) / 2 + self.network + self.rows

    @property
    def with_gpu(self) -> float:
        """Milliseconds per image on 16 cores and a GPU: the slowest of the stages, which run beside each other."""
        return max(1e3 / GPU_PASSES, (self.load + self.score) / SCORING_PROCESSES, self.rows)


def stages(speed: Path, network: str = NETWORK) -> Stages:
    """What a table of the benchmark says of a network."""
    facts: dict[str, float] = {}
    with speed.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["topic"] == "stages":
                facts |= json.loads(line["facts"] or "{}")
    missing = [s for s in ("load", "network", "score", "rows", "bytes", "variants") if f"{network}/{s}" not in facts]
    if missing:
        raise SystemExit(f"{speed} has no stage {missing[0]} of {network}; run: python -m benchmarks.speed stages")
    of = {name: facts[f"{network}/{name}"] for name in ("load", "network", "score", "rows", "bytes")}
    variants = int(facts[f"{network}/variants"])
    return Stages(**{**of, "bytes": of["bytes"] * variants}, variants=variants)


def tables(found: Stages) -> str:
    """Both tables as Markdown."""
    lines = [
        f"| stage, ResNet-50, {found.variants} variants | ms per image |",
        "|---|--:|",
        f"| load (one core) | {found.load:.1f} |",
        f"| network (two cores) | {found.network:.1f} |",
        f"| score, two protocols (one core) | {found.score:.1f} |",
        f"| rows and files (one core) | {found.rows:.2f} |",
        f"| **whole run on two cores** | **{found.two_cores:.0f}** |",
        f"| whole run on 16 cores + 1 GPU, computed | {found.with_gpu:.2f} |",
        "",
        "| images | rows | 2 cores | 16 cores + 1 GPU * | 8 x (16 cores + 1 GPU) * | 64 x (16 cores + 1 GPU) * |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for images in IMAGES:
        times = [found.two_cores, found.with_gpu, found.with_gpu / 8, found.with_gpu / 64]
        cells = " | ".join(hours(images * ms / 1e3) for ms in times)
        lines.append(f"| {images:,} | {size(images * found.bytes)} | {cells} |")
    return "\n".join(lines)


def hours(seconds: float) -> str:
    return f"{seconds / 3600:.2g} h" if seconds < 36_000 else f"{seconds / 3600:.0f} h"


def size(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number < 1e12 else f"{number / 1e12:.1f} TB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=Path, default=ROOT / "results" / "speed.csv")
    words = parser.parse_args()
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{tables(stages(words.speed))}\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()

"""Forward time of the embedded network by memory layout and chunk size; ratios to the plain layout at chunk 64, one
run.

    python benchmarks/speed/layout.py
"""

from __future__ import annotations

import time

import torch

from wsol.models.zoo import load_classifier

REPEATS = 5


def milliseconds(module: torch.nn.Module, images: torch.Tensor) -> float:
    """Processor time an image, the fastest of `REPEATS`."""
    times = []
    with torch.no_grad():
        module(images)
        for _ in range(REPEATS):
            start = time.process_time()
            module(images)
            times.append(time.process_time() - start)
    return 1000 * min(times) / len(images)


def main() -> None:
    """Print a Markdown table."""
    torch.set_num_threads(1)
    module = load_classifier("shapes_gap").module
    found = {}
    for name, layout in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
        made = module.to(memory_format=layout)
        for chunk in (16, 64):
            images = torch.randn(chunk, 3, 128, 128).contiguous(memory_format=layout)
            found[name, chunk] = milliseconds(made, images)
    base = found["contiguous", 64]
    print("| layout | chunk | ms per image | ratio |\n|---|--:|--:|--:|")
    for (name, chunk), spent in found.items():
        print(f"| {name} | {chunk} | {spent:.2f} | {spent / base:.2f} |")


if __name__ == "__main__":
    main()

"""Peak memory of Score-CAM over every channel of ResNet-50's last stage, by batch size; weights are random.

    python benchmarks/speed/scorecam_memory.py --batches 1 4

Memory is what was held beyond the network and its inputs (`wsol.maps.cost.PeakMemory`). 2048 forwards per image:
minutes on a CPU.
"""

from __future__ import annotations

import argparse

import torch

from wsol.maps.cost import PeakMemory
from wsol.maps.extractor import MapExtractor
from wsol.methods._variants import expand
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--layer", default="stage5")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--chunk", type=int, default=16)
    words = parser.parse_args()
    classifier = load_classifier(words.model, weights="random")
    classifier.module.to(words.device).to(memory_format=torch.channels_last).eval()
    extractor = MapExtractor(classifier, chunk=words.chunk)
    (variant,) = expand(
        {"scorecam": {"layers": words.layer}},
        resolve=lambda name: resolve_layer(classifier, name),
        stages=list(stages(classifier)),
    )
    print("| model | batch | chunk | forwards per image | peak MB |\n|---|--:|--:|--:|--:|")
    for batch in words.batches:
        inputs = torch.randn(batch, 3, 224, 224, device=words.device)
        targets = torch.zeros(batch, dtype=torch.long)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with PeakMemory(extractor.device) as memory:
            cost = extractor.maps(inputs, targets, [str(i) for i in range(batch)], [variant]).costs[variant.id]
        print(f"| {words.model} | {batch} | {words.chunk} | {cost.forwards:.0f} | {memory.peak_mb:.0f} |", flush=True)


if __name__ == "__main__":
    main()

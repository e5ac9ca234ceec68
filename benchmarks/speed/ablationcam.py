"""Ablation-CAM beside pytorch-grad-cam's, one image of ResNet-18 with random weights.

At layer4 a linear head follows, and the drops have a closed form; at layer3 ours runs on from the layer, the peer runs
the whole network for each chunk of channels. Maps must correlate by 0.99.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.speed.peers import correlation, image, network, ours, peer
from benchmarks.speed.rows import NOT_INSTALLED, Plan, Row, faster, in_a_run, installed, missing

AGAINST = "pytorch-grad-cam AblationCAM"
CASES = (("layer4", "on a GAP head", 60), ("layer3", "elsewhere", 2))


def rows(plan: Plan) -> Iterator[Row]:
    for layer, where, target in CASES:
        work = f"Ablation-CAM {where}, resnet18.{layer}"
        if not installed("pytorch_grad_cam"):
            yield missing("ablationcam", work, AGAINST, target, NOT_INSTALLED)
            continue
        picture = image(plan.of(224, 64), plan.device)
        module = network("resnet18", plan.device, channels_last=True)
        own = ours("ablationcam", module, layer, picture, 1)
        theirs = peer("AblationCAM", network("resnet18", plan.device, channels_last=False), layer, picture, 1)
        alike = correlation(theirs(), own())
        assert alike >= 0.99, f"the two maps correlate by {alike:.3f} only"
        base, spent = plan.in_turn([theirs, in_a_run(own)], repeats=3, warm=0)
        yield faster("ablationcam", work, AGAINST, base, spent, target, note=f"correlation of the maps {alike:.4f}")

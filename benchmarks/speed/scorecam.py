"""Exact Score-CAM beside pytorch-grad-cam's: time and peak memory, one image, every channel of the last stage.

ResNet-18 on the CPU, ResNet-50 on CUDA, random weights, the same number of forwards in the same chunks; memory in small
chunks, too, which on a CPU take as long. Both take the logit, and a softmax over channels. Masks differ a little: the
peer's upsampling aligns corners, ours does not; so maps are compared by their correlation, which must be 0.9 at least.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.speed.peers import correlation, image, network, ours, peer
from benchmarks.speed.rows import NO_GPU, NOT_INSTALLED, Plan, Row, faster, in_a_run, installed, missing
from wsol.maps.cost import PeakMemory

AGAINST = "pytorch-grad-cam ScoreCAM"
LOGIT = {"score": "logit"}
SMALL = 4  # images of a chunk where memory is short


def rows(plan: Plan) -> Iterator[Row]:
    name, side = ("resnet50" if plan.cuda else "resnet18"), plan.of(224, 64)
    work = f"Score-CAM, exact, {name}"
    if not installed("pytorch_grad_cam"):
        yield missing("scorecam", f"{work}: time", AGAINST, 1.5, NOT_INSTALLED)
        yield missing("scorecam", f"{work}: peak memory", AGAINST, 10, NOT_INSTALLED)
        return
    picture = image(side, plan.device)
    chunk = 64 if plan.cuda else 16
    module = network(name, plan.device, channels_last=True)
    own = ours("scorecam", module, "layer4", picture, 1, options=LOGIT, chunk=chunk)
    theirs = peer("ScoreCAM", network(name, plan.device, channels_last=False), "layer4", picture, 1)
    small = ours("scorecam", module, "layer4", picture, 1, options=LOGIT, chunk=SMALL)
    ours("scorecam", module, "layer4", picture, 1, options={**LOGIT, "top_n": 2}, chunk=SMALL)()  # loads what is needed
    used = []
    for call in (small, own, theirs):  # the smallest first: what an allocator keeps counts against nobody then
        with PeakMemory(torch.device(plan.device)) as memory:
            start = plan.now()
            result = call()
            spent = plan.now() - start
        used.append((memory.peak_mb, spent, result))
    (small_mb, small_s, in_small), (own_mb, own_s, raw), (their_mb, _, map01) = used
    torch.testing.assert_close(in_small, raw, rtol=1e-3, atol=float(raw.max()) * 1e-3)
    alike = correlation(map01, raw)
    assert alike >= 0.9, f"the two maps correlate by {alike:.2f} only"
    calls = [theirs, in_a_run(own)]
    if not plan.cuda and not plan.quick:
        compiled = ours("scorecam", module, "layer4", picture, 1, options=LOGIT, chunk=chunk, compile="default")
        torch.testing.assert_close(compiled(), raw, rtol=1e-3, atol=float(raw.max()) * 1e-3)
        calls.append(in_a_run(compiled))
    if plan.cuda:
        calls.append(ours("scorecam", module, "layer4", picture, 1, options=LOGIT, chunk=256, autocast=torch.bfloat16))
    seconds = plan.in_turn(calls, repeats=3, warm=1 if plan.cuda else 0)
    note = f"correlation of the maps {alike:.3f}; bound by the forwards themselves"
    yield faster("scorecam", f"{work}: time", AGAINST, seconds[0], seconds[1], 1.5, note=note)
    if len(calls) > 2 and plan.cuda:
        effect = float((calls[2]() - raw).abs().max() / raw.max())
        note = f"largest difference from float32 {effect:.1e} of the maximum"
        yield faster("scorecam", f"{work}: time, bfloat16", AGAINST, seconds[0], seconds[2], 4, note=note)
    elif len(calls) > 2:
        note = "engine.compile=default; compilation, paid once per run, is not timed"
        yield faster("scorecam", f"{work}: time, compiled", AGAINST, seconds[0], seconds[2], 1.5, note=note)
    note = f"in chunks of {SMALL}, {small_s / own_s:.2f} times as long as in chunks of {chunk}"
    yield faster("scorecam", f"{work}: peak memory", AGAINST, their_mb, small_mb, 10, unit="MB", note=note)
    yield Row(
        topic="scorecam",
        work=f"{work}: peak memory in chunks of {chunk}",
        against=AGAINST,
        theirs=their_mb,
        ours=own_mb,
        unit="MB",
        ratio=their_mb / own_mb,
        note="masks exist a chunk at a time; what is left are the activations of one chunk",
    )
    if not plan.cuda:
        yield missing("scorecam", "Score-CAM, exact, resnet50, CUDA, bfloat16", AGAINST, 4, NO_GPU)

"""24 variants of six gradient methods at four layers of ResNet-50, beside the one pass that they share.

The bound is one channels-last forward and a backward to the shallowest stage, from tensors in memory, with nothing
kept but what autograd keeps. Both sides have the memory settings of a run. On the CPU a batch of 8; on CUDA a batch of
64 in float32, TF32 and bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmarks.speed.rows import NO_GPU, Plan, Row, missing, within
from wsol.maps.extractor import MapExtractor
from wsol.methods._variants import Variant, expand
from wsol.models.allocator import freed_memory_kept
from wsol.models.classifier import Classifier
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier

TARGET = 1.15
METHODS = ("gradcam", "gradcam_pp", "xgradcam", "hirescam", "layercam", "elementwise")
LAYERS = ("layer1", "layer2", "layer3", "layer4")
PRECISIONS = ("float32", "tf32", "bfloat16")


def rows(plan: Plan) -> Iterator[Row]:
    if not plan.cuda:
        yield measured(plan, "float32", batch=8)
        for precision in PRECISIONS:
            yield missing(
                "gradients", f"24 variants, CUDA, {precision}", "one forward + backward", 1.15, NO_GPU, "at most"
            )
        return
    for precision in PRECISIONS:
        yield measured(plan, precision, batch=64)


def measured(plan: Plan, precision: str, *, batch: int) -> Row:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    classifier = load_classifier("resnet50", weights="random")
    module = classifier.module.to(plan.device).to(memory_format=torch.channels_last).eval()
    images = torch.rand(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0)).to(plan.device)
    images = images.contiguous(memory_format=torch.channels_last)
    targets = torch.arange(batch, device=plan.device)
    half = torch.bfloat16 if precision == "bfloat16" else None
    extractor = MapExtractor(classifier, autocast=half)
    variants = variants_of(classifier)
    ids = [str(n) for n in range(batch)]
    gradients = one_pass(module, images, targets, half)
    (gradcam,) = [v for v in variants if v.info.key == "gradcam" and v.modules == ("layer1",)]
    activations = activations_of(module, images, half)
    expected = (gradients.mean((2, 3), keepdim=True) * activations).sum(1).relu().float().cpu()
    found = torch.from_numpy(extractor.maps(images, targets, ids, [gradcam]).raw(gradcam.id))
    torch.testing.assert_close(found, expected, rtol=1e-3 if half is None else 5e-2, atol=float(expected.max()) * 1e-2)
    with freed_memory_kept():
        base, spent = plan.in_turn(
            [
                lambda: one_pass(module, images, targets, half),
                lambda: extractor.maps(images, targets, ids, variants),
            ],
            repeats=7,
        )
    return within(
        "gradients",
        f"24 variants on ResNet-50, batch {batch}, {precision}",
        "one forward + backward to layer1",
        base,
        spent,
        TARGET,
        note="Grad-CAM at layer1 from the bound's own gradients is the same map",
        facts={"ms_per_image": 1e3 * spent / batch, "ms_pass": 1e3 * base / batch},
    )


def variants_of(classifier: Classifier) -> tuple[Variant, ...]:
    return expand(
        {method: {"layers": list(LAYERS)} for method in METHODS},
        resolve=lambda name: resolve_layer(classifier, name),
        stages=list(stages(classifier)),
    )


def one_pass(module: nn.Module, images: Tensor, targets: Tensor, half: torch.dtype | None) -> Tensor:
    """d target logits / d output of layer1; weights need no gradient."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: object, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0].clone()  # an in-place ReLU may follow

    for weight in module.parameters():
        weight.requires_grad_(False)
    handle = module.get_submodule("layer1").register_forward_hook(keep)
    try:
        with torch.autocast(images.device.type, half or torch.bfloat16, enabled=half is not None):
            logits = module(images)
        total = logits.float().gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(total, kept)
    finally:
        handle.remove()
    return gradient


def activations_of(module: nn.Module, images: Tensor, half: torch.dtype | None) -> Tensor:
    kept: list[Tensor] = []
    handle = module.get_submodule("layer1").register_forward_hook(lambda m, a, output: kept.append(output.clone()))
    with torch.no_grad(), torch.autocast(images.device.type, half or torch.bfloat16, enabled=half is not None):
        module(images)
    handle.remove()
    return kept[0]

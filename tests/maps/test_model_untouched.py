"""The network is the caller's: maps and runs leave it exactly as they found it, after exceptions too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.evaluation.small import made, ran
from wsol.errors import LayerError, ModelError
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.shard import evaluate
from wsol.maps.extractor import MapExtractor
from wsol.methods._variants import Variant, expand
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier
from wsol.runs.folder import RunFolder

METHODS: dict[str, dict[str, Any]] = {  # one of each way to use the network
    "gradcam": {"layers": ["stage3", "stage5"]},
    "cam": {},
    "vanillagrad": {},
    "ablationcam": {},  # partial forwards
    "guidedbackprop": {},  # other backward rules
    "smoothgrad": {"samples": 2},
    "shapleycam": {},  # second derivatives
    "opticam": {"iterations": 2},  # an optimizer of its own
    "scorecam": {},
    "centergauss": {},
}
MODES: dict[str, Callable[[torch.nn.Module], Any]] = {
    "eval, channels last": lambda m: m.eval().to(memory_format=torch.channels_last),
    "eval, contiguous": lambda m: m.eval().to(memory_format=torch.contiguous_format),
    "train, contiguous": lambda m: m.train().to(memory_format=torch.contiguous_format),
    "partly frozen, partly in train mode, float64": lambda m: half_frozen(m.eval().double()),
}
KINDS = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks", "forward_hooks_always_called")


def half_frozen(module: torch.nn.Module) -> torch.nn.Module:
    """Every other parameter frozen, every other part in train mode, a gradient and a hook of the caller's own."""
    for parameter in list(module.parameters())[::2]:
        parameter.requires_grad_(False)
    for part in list(module.modules())[1::2]:
        part.training = True
    last = list(module.parameters())[1]
    last.grad = torch.ones_like(last)
    next(module.children()).register_forward_hook(lambda module, args, output: None)
    return module


def state(module: torch.nn.Module) -> dict[str, Any]:
    """Everything that a caller could notice."""
    found: dict[str, Any] = {"grad mode": torch.is_grad_enabled(), "random": torch.get_rng_state().tolist()}
    for name, part in module.named_modules():
        found[f"{name}: training"] = part.training
        found[f"{name}: forward"] = part.forward.__func__
        found[f"{name}: hooks"] = [list(getattr(part, f"_{kind}").items()) for kind in KINDS]
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        found[f"{name}: place"] = (tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride())
        found[f"{name}: values"] = tensor.tolist()
        found[f"{name}: gradient"] = (tensor.requires_grad, None if tensor.grad is None else tensor.grad.tolist())
    return found


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before.keys() == after.keys()
    changed = [name for name, value in before.items() if after[name] != value]
    assert not changed


def variants_of(classifier: Any, chosen: dict[str, dict[str, Any]]) -> tuple[Variant, ...]:
    names = list(stages(classifier))
    return expand(chosen, resolve=lambda layer: resolve_layer(classifier, layer), stages=names)


def images(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_maps_leave_the_network_as_it_was(mode: Callable[[torch.nn.Module], Any]) -> None:
    classifier = load_classifier("shapes_gap", weights="random")
    mode(classifier.module)
    before = state(classifier.module)
    extractor = MapExtractor(classifier, chunk=8)
    maps = extractor.maps(
        images(extractor.dtype),
        torch.zeros(3, dtype=torch.long),
        list("abc"),
        variants_of(classifier, METHODS),
        measure=True,
    )
    assert not maps.failures
    extractor.query.probabilities(images(extractor.dtype))
    assert_same(before, state(classifier.module))


def test_the_mode_of_the_network_moves_no_map() -> None:
    """In train mode batch norm would mix the images, and change with them."""
    found = []
    for training in (False, True):
        classifier = load_classifier("shapes_gap", weights="random")
        classifier.module.train(training)
        variants = variants_of(classifier, {"gradcam": {"layers": "stage3"}, "ablationcam": {}})
        maps = MapExtractor(classifier).maps(images(), torch.zeros(3, dtype=torch.long), list("abc"), variants)
        found.append([maps.logits.tolist(), *(maps.raw(v.id).tolist() for v in variants)])
    assert found[0] == found[1]


def broken(module: torch.nn.Module, args: Any) -> None:
    raise RuntimeError("out of memory")


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_an_exception_leaves_the_network_as_it_was(mode: Callable[[torch.nn.Module], Any]) -> None:
    classifier = load_classifier("shapes_gap", weights="random")
    mode(classifier.module)
    parts = list(classifier.module.children())
    variants = variants_of(classifier, {"gradcam": {}, "scorecam": {}})
    extractor = MapExtractor(classifier, chunk=8)
    handle = parts[-1].register_forward_pre_hook(broken)
    before = state(classifier.module)
    with pytest.raises(ModelError, match=r"can't run on images of shape .* \(RuntimeError: out of memory\)"):
        extractor.maps(images(extractor.dtype), torch.zeros(3, dtype=torch.long), list("abc"), variants)
    with pytest.raises(RuntimeError, match="out of memory"):
        extractor.query.logits(images(extractor.dtype))
    assert_same(before, state(classifier.module))
    handle.remove()
    lost = [dataclasses.replace(variants[0], modules=("nowhere",))]
    before = state(classifier.module)
    with pytest.raises(LayerError):
        extractor.maps(images(extractor.dtype), torch.zeros(3, dtype=torch.long), list("abc"), lost)
    assert_same(before, state(classifier.module))


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("mode", list(MODES.values())[:3], ids=list(MODES)[:3])
def test_a_run_leaves_the_network_as_it_was(mode: Callable[[torch.nn.Module], Any], tmp_path: Path) -> None:
    experiment = small_run()
    mode(module_of(experiment))
    before = state(module_of(experiment))
    ran(experiment, tmp_path)
    assert_same(before, state(module_of(experiment)))


def test_a_stopped_run_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    experiment = small_run()
    module_of(experiment).train()
    before = state(module_of(experiment))

    def stop(batch: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(experiment, experiment.shards, RunFolder(tmp_path), on_batch=stop)
    assert_same(before, state(module_of(experiment)))


def small_run() -> Experiment:
    words = ("dataset.n=4", "engine.batch_size=2", "protocol=[choe2020_v1]", "method=[gradcam,guidedbackprop]")
    return made(*words, "metric=[rise2018_dataset,adcc]", "metrics.rise2018_dataset.sample=1", "model.weights=random")


def module_of(experiment: Experiment) -> torch.nn.Module:
    assert experiment.classifier is not None
    return experiment.classifier.module

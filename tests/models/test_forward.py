"""Capture: exact under in-place operations, and the network is as before, whatever happens."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wsol.errors import LayerError
from wsol.models.forward import INPUT, capture


def network(inplace: bool) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 5, 3, stride=2),
        nn.ReLU(inplace=inplace),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 3),
    ).double()


def inputs(n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, 9, 9, generator=generator, dtype=torch.float64), torch.tensor([0, 1, 2, 1])[:n]


def test_inplace_relu_behind_a_layer_does_not_change_what_was_captured() -> None:
    images, targets = inputs()
    results = []
    for inplace in (False, True):
        with capture(network(inplace), ["0", "3"]) as forward:
            results.append(forward(images, targets))
    for layer in ("0", "3"):
        assert torch.equal(results[0].activations[layer], results[1].activations[layer])
        assert torch.equal(results[0].gradients[layer], results[1].gradients[layer])
        assert (results[0].activations[layer] < 0).any(), "the pre-ReLU activation has negative values"


def test_gradients_equal_central_differences() -> None:
    model, (images, targets) = network(True).eval(), inputs(2)
    with capture(model, [INPUT, "3"]) as forward:
        result = forward(images, targets)
    step = 1e-6
    for index in [(0, 0, 1, 1), (1, 2, 4, 5), (0, 1, 8, 3)]:
        up, down = images.clone(), images.clone()
        up[index] += step
        down[index] -= step
        with torch.no_grad():
            slope = (model(up)[index[0], targets[index[0]]] - model(down)[index[0], targets[index[0]]]) / (2 * step)
        assert torch.isclose(result.gradients[INPUT][index], slope, atol=1e-8)


def test_a_batch_gives_what_single_images_give() -> None:
    images, targets = inputs()
    model = network(True)
    with capture(model, ["3"]) as forward:
        batch = forward(images, targets)
        for i in range(len(images)):
            single = forward(images[i : i + 1], targets[i : i + 1])
            torch.testing.assert_close(batch.gradients["3"][i : i + 1], single.gradients["3"], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("fails", [False, True])
def test_mode_requires_grad_and_hooks_are_restored_even_after_an_exception(fails: bool) -> None:
    model = network(True)
    model.train()
    model[2].eval()  # a network may be half frozen: each module's own mode counts
    model[0].weight.requires_grad_(False)
    try:
        with capture(model, ["3"]) as forward:
            assert not model.training
            forward(*inputs())
            if fails:
                raise RuntimeError("stop here")
    except RuntimeError:
        assert fails
    assert model.training
    assert model[0].training
    assert not model[2].training
    assert not model[0].weight.requires_grad
    assert model[3].weight.requires_grad
    assert not any(module._forward_hooks for module in model.modules())


def test_frozen_parameters_still_give_gradients() -> None:
    model = network(True).requires_grad_(False)
    with capture(model, ["3"]) as forward:
        assert forward(*inputs()).gradients["3"].abs().sum() > 0


def test_without_gradients_no_graph_is_built() -> None:
    with capture(network(True), ["3"], gradients=False) as forward:
        result = forward(inputs()[0])
    assert result.gradients == {}
    assert not result.activations["3"].requires_grad


def test_as_many_targets_as_images_are_needed() -> None:
    images, targets = inputs()
    with (
        capture(network(True), ["3"]) as forward,
        pytest.raises(ValueError, match="4 images need as many targets, not 3"),
    ):
        forward(images, targets[:3])


def test_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(LayerError, match=r"no layer '33'; nearest: '3'"), capture(network(True), ["33"]):
        pass


def test_layer_without_spatial_output_is_refused() -> None:
    with (
        capture(network(True), ["7"]) as forward,
        pytest.raises(LayerError, match=r"'7' has no spatial output.*\(4, 3\)"),
    ):
        forward(*inputs())


def test_autocast_gives_float32() -> None:
    model = network(True).float()
    images, targets = inputs()
    with torch.autocast("cpu", torch.bfloat16), capture(model, ["3"]) as forward:
        result = forward(images.float(), targets)
    assert result.activations["3"].dtype == result.gradients["3"].dtype == result.logits.dtype == torch.float32

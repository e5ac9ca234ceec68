"""Each technique against its slow twin: logits in train mode, loss and all gradients, on a fixed batch and seed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.reference.training import TWINS
from wsol.models.zoo import load_classifier
from wsol.options import options_of
from wsol.training.technique import techniques

SIDE, CLASSES = 32, 4
CASES: list[tuple[str, dict[str, float]]] = [
    ("cam", {}),
    ("has", {"grid_size": 12, "drop_rate": 0.4}),
    ("cutmix", {"beta": 1.0, "probability": 1.0}),
    ("cutmix", {"beta": 0.5, "probability": 0.0}),
    ("adl", {"threshold": 0.8, "drop_rate": 0.0}),
    ("adl", {"threshold": 0.8, "drop_rate": 0.5}),
    ("adl", {"threshold": 0.9, "drop_rate": 1.0}),
    ("acol", {"threshold": 0.6}),
    ("spg", {"h1": 0.7, "l1": 0.2, "h2": 0.505, "l2": 0.495, "h3": 0.5, "l3": 0.49}),
    ("spg", {"h1": 1.0, "l1": 0.0, "h2": 0.9, "l2": 0.0, "h3": 0.51, "l3": 0.5}),  # few pixels are above
]


def made(key: str) -> nn.Module:
    head = techniques[key].info.head
    options = {} if head is None else {"head": head}
    network = load_classifier("shapes_vgg_gap", weights="random", num_classes=CLASSES, input_size=SIDE, **options)
    draw = torch.Generator().manual_seed(3)
    for value in network.module.parameters():  # biases of 0 and small logits hide what is wrong
        value.data += 0.05 * torch.randn(value.shape, generator=draw)
    return network.module.double().train()


def batch() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(4)
    images = torch.randn(3, 3, SIDE, SIDE, generator=draw, dtype=torch.float64)
    return images, torch.tensor([1, 0, 3])


def ours(network: nn.Module, key: str, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Logits and loss."""
    kept: list[Tensor] = []
    handle = network.register_forward_hook(
        lambda module, args, output: kept.append(output if isinstance(output, Tensor) else output[0])
    )
    technique = techniques[key](**options)
    technique.configure(network)
    prepared = technique.batch(*batch(), torch.Generator().manual_seed(5))
    loss = technique.loss(network, prepared)
    handle.remove()
    assert len(kept) == 1, "one forward pass per step"
    return kept[0], loss


@pytest.mark.parametrize(("key", "options"), CASES, ids=[f"{key}-{n}" for n, (key, _) in enumerate(CASES)])
def test_logits_loss_and_gradients_are_those_of_the_twin(key: str, options: dict[str, Any]) -> None:
    network = made(key)
    logits, loss = ours(network, key, options)
    loss.backward()
    state = {name: value.detach().clone().requires_grad_() for name, value in network.named_parameters()}
    expected_logits, expected = TWINS[key](state, *batch(), torch.Generator().manual_seed(5), **options)
    gradients = torch.autograd.grad(expected, list(state.values()))
    torch.testing.assert_close(logits, expected_logits, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
    for (name, value), gradient in zip(network.named_parameters(), gradients, strict=True):
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name
        torch.testing.assert_close(
            value.grad, gradient, rtol=1e-7, atol=1e-9, msg=lambda text, at=name: f"{at}: {text}"
        )


ELSEWHERE = {"distill_maps"}  # trained by another network, with tests of its own


def test_every_technique_has_a_twin() -> None:
    assert set(TWINS) == set(techniques.packaged()) - ELSEWHERE


@pytest.mark.parametrize("key", TWINS)
def test_every_option_is_tried(key: str) -> None:
    tried = {option for chosen, options in CASES if chosen == key for option in options}
    assert tried == {option.name for option in options_of(techniques[key])}


@pytest.mark.parametrize("key", TWINS)
def test_a_seed_decides_a_step(key: str) -> None:
    options = next(options for chosen, options in CASES if chosen == key)
    first, second = (ours(made(key), key, options)[1] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("key", TWINS)
def test_the_loaded_batch_stays_as_it_is(key: str) -> None:
    images, labels = batch()
    techniques[key]().batch(images, labels, torch.Generator().manual_seed(5))
    assert torch.equal(images, batch()[0])
    assert torch.equal(labels, batch()[1])

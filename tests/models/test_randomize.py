"""Randomizing a network from its head down, and getting it back."""

from __future__ import annotations

import pytest
import torch

from wsol.errors import ConfigError
from wsol.models.randomize import layers_from_head, randomized


def _network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 4, 3),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 5),
    ).eval()


def _changed(model: torch.nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {
        name.rsplit(".", 1)[0] for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    }


def _copy(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_layers_are_named_from_the_head_down() -> None:
    assert layers_from_head(_network()) == ("5", "3", "1", "0")


def test_that_many_layers_change_and_all_come_back_to_the_last_bit() -> None:
    model = _network()
    before = _copy(model)
    for layers, changed in ((0, set()), (1, {"5"}), (2, {"5", "3"}), (None, {"5", "3", "0"})):
        with randomized(model, layers=layers):
            assert _changed(model, before) == changed  # the norm's parameters are all ones and all zeros
        assert _changed(model, before) == set()


def test_an_exception_brings_the_weights_back_too() -> None:
    model = _network()
    before = _copy(model)
    with pytest.raises(RuntimeError, match="inside"), randomized(model):
        raise RuntimeError("inside")
    assert _changed(model, before) == set()


def test_one_layer_more_keeps_what_the_others_drew() -> None:
    model = _network()
    with randomized(model, layers=1):
        head = model[5].weight.clone()
    with randomized(model, layers=None):
        assert torch.equal(model[5].weight, head)
    with randomized(model, layers=1, seed=1):
        assert not torch.equal(model[5].weight, head)


def test_layers_of_one_shape_draw_different_numbers() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    model[1].load_state_dict(model[0].state_dict())
    with randomized(model):
        assert not torch.equal(model[0].weight, model[1].weight)


def test_what_is_drawn_has_the_parameters_mean_and_spread() -> None:
    model = torch.nn.Linear(200, 100)
    before = model.weight.detach().clone()
    with randomized(model):
        drawn = model.weight.detach()
        assert not torch.equal(drawn.flatten().sort().values, before.flatten().sort().values)
        assert float(drawn.std()) == pytest.approx(float(before.std()), rel=0.03)
        assert float(drawn.mean()) == pytest.approx(float(before.mean()), abs=0.001)


def test_parameters_stay_the_same_objects_with_the_same_flags() -> None:
    model = _network()
    model[0].weight.requires_grad_(False)
    owners = list(model.parameters())
    with randomized(model):
        assert all(a is b for a, b in zip(owners, model.parameters(), strict=True))
    assert not model[0].weight.requires_grad
    assert model[3].weight.requires_grad


def test_tied_weights_come_back() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    model[1].weight = model[0].weight
    before = _copy(model)
    with randomized(model):
        assert _changed(model, before) == {"0", "1"}
    assert _changed(model, before) == set()


def test_it_uses_no_global_random_numbers() -> None:
    model = _network()
    state = torch.get_rng_state()
    with randomized(model):
        pass
    assert torch.equal(torch.get_rng_state(), state)


def test_more_layers_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match="layers=2: the network has 1"), randomized(torch.nn.Linear(2, 2), layers=2):
        pass

"""Weights whose batch normalization was folded into the layers before: its statistics stay what they are."""

from __future__ import annotations

import torch
import torchvision
from torch import nn

from wsol.training.loop import _train_mode
from wsol.training.network import folded_norms


def network() -> nn.Sequential:
    """A folded normalization, one with statistics, and one that is new."""
    with_statistics = nn.BatchNorm2d(4)
    with_statistics.running_mean = torch.full((4,), 0.5)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), with_statistics, nn.BatchNorm2d(4))


def test_only_trained_layers_without_statistics_are_folded() -> None:
    assert folded_norms(network(), frozenset({"3.weight", "3.bias"})) == {"1"}


def test_folded_layers_are_the_identity_in_train_mode() -> None:
    torch.manual_seed(0)
    made = network()
    images = 3 + torch.randn(2, 3, 5, 5)
    maps = made[0](images)
    _train_mode(nn.Sequential(made), made, folded_norms(made, frozenset({"3.weight"})))
    assert made.training
    assert made[2].training
    torch.testing.assert_close(made[1](maps), maps / (1 + made[1].eps) ** 0.5)
    assert not made[1].running_mean.any()


def test_weights_with_statistics_have_none() -> None:
    resnet = torchvision.models.resnet18()
    for part in resnet.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean)
    assert folded_norms(resnet, frozenset()) == frozenset()

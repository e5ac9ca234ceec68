"""Networks that put out probabilities, or one logit for two classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import wsol
from tests.models.conftest import wrap
from wsol.models.outputs import are_probabilities, from_probabilities, two_classes


def net(classes: int, end: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(8, classes), *([end] if end else [])).double().eval()


IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("classes", "end"), [(5, nn.Softmax(1)), (1, nn.Sigmoid())])
def test_a_network_of_probabilities_gives_the_probabilities_of_its_logits(classes, end):
    made = from_probabilities(wrap(net(classes, end), input_size=32, num_classes=classes))
    given, plain = made.module(IMAGES), net(classes)(IMAGES)
    torch.testing.assert_close(given.softmax(1), plain.softmax(1))
    torch.testing.assert_close(
        given.sigmoid() if classes == 1 else given.softmax(1), plain.sigmoid() if classes == 1 else plain.softmax(1)
    )
    assert made.weights_id == "toy, probabilities:0"


def test_probabilities_for_logits_are_noticed_once(caplog):
    for end, words in ((nn.Softmax(1), 1), (None, 0), (nn.ReLU(), 0)):
        caplog.clear()
        wsol.attribute(net(5, end), IMAGES, "eigencam", layers="2")
        assert len([r for r in caplog.records if "model.output=prob" in r.message]) == words
    assert not are_probabilities(torch.ones(2, 1))


def test_one_logit_is_two_classes_of_opposite_sign():
    made = two_classes(wrap(net(1), input_size=32, num_classes=1))
    logits, one = made.module(IMAGES), net(1)(IMAGES)[:, 0]
    assert made.num_classes == 2
    torch.testing.assert_close(logits.softmax(1)[:, 1], one.sigmoid())
    torch.testing.assert_close(logits.softmax(1)[:, 0], 1 - one.sigmoid())
    maps = [np.asarray(wsol.attribute(made, IMAGES, "hirescam", layers="2", target=c)) for c in (0, 1)]
    assert np.abs(maps).max() > 0  # label 0 has a map of its own

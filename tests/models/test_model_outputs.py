"""Networks that put out probabilities, or one logit for two classes."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn

import wsol
from tests.models.conftest import wrap
from wsol.errors import ConfigError, ModelError
from wsol.models.outputs import are_probabilities, are_sigmoids, function_label, read_as, reading, two_classes


def net(classes: int, end: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(8, classes), *([end] if end else [])).double().eval()


IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("classes", "end"), [(5, nn.Softmax(1)), (1, nn.Sigmoid())])
def test_a_network_of_probabilities_gives_the_probabilities_of_its_logits(classes, end):
    made = read_as(wrap(net(classes, end), input_size=32, num_classes=classes), "prob")
    given, plain = made.module(IMAGES), net(classes)(IMAGES)
    torch.testing.assert_close(given.softmax(1), plain.softmax(1))
    torch.testing.assert_close(
        given.sigmoid() if classes == 1 else given.softmax(1), plain.sigmoid() if classes == 1 else plain.softmax(1)
    )
    assert made.weights_source == "toy, probabilities"


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_one_sigmoid_per_class_is_read_as_what_it_was_taken_of(dtype):
    made = read_as(wrap(net(5, nn.Sigmoid()).to(dtype), input_size=32, num_classes=5), "sigmoid")
    plain = net(5).to(dtype)(IMAGES.to(dtype))
    tolerance = {torch.float64: 1e-9, torch.float32: 1e-5, torch.float16: 1e-2}[dtype]
    torch.testing.assert_close(made.module(IMAGES.to(dtype)).double(), plain.double(), atol=tolerance, rtol=tolerance)
    assert made.weights_source == "toy, one sigmoid per class"


@pytest.mark.parametrize("kind", ["prob", "sigmoid"])
def test_a_certain_network_of_half_precision_has_finite_logits(kind):
    sure = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    nn.init.constant_(sure[1].weight, 0.0)
    sure[1].bias.data = torch.tensor([0.0, 1.0])
    with reading(sure.half(), kind):
        assert bool(torch.isfinite(sure(torch.zeros(1, 3, 1, 1, dtype=torch.float16))).all())


def test_one_sigmoid_per_class_is_noticed_and_logits_are_not(caplog):
    many = IMAGES.repeat(2, 1, 1, 1)
    for end, words in ((nn.Sigmoid(), 1), (nn.Softmax(1), 0), (None, 0)):
        caplog.clear()
        wsol.attribute(net(5, end), many, "eigencam", layers="2")
        assert len([r for r in caplog.records if "model.output=sigmoid" in r.message]) == words
    assert not are_sigmoids(torch.zeros(4, 5))  # an untrained head
    assert not are_sigmoids(torch.full((16, 5), 0.1))  # another one, with its bias
    assert not are_sigmoids(torch.full((1, 5), 0.5))  # too few to tell from logits


@pytest.mark.parametrize(("kind", "end"), [("prob", nn.Softmax(1)), ("sigmoid", nn.Sigmoid())])
def test_attribute_reads_outputs_as_the_command_line_does(kind, end):
    plain = net(5)
    wanted = np.asarray(wsol.attribute(plain, IMAGES, "gradcam", layers="2", target=1))
    ended = net(5, end)
    given = np.asarray(wsol.attribute(ended, IMAGES, "gradcam", layers="2", target=1, output=kind))
    without = np.asarray(wsol.attribute(ended, IMAGES, "gradcam", layers="2", target=1))
    assert np.abs(wanted).max() > 0
    if kind == "sigmoid":
        np.testing.assert_allclose(given, wanted, rtol=1e-6, atol=1e-12)
    else:  # log p differs from the logit by what all classes share
        logs = read_as(wrap(net(5, nn.Softmax(1)), input_size=32, num_classes=5), "prob")
        np.testing.assert_array_equal(given, np.asarray(wsol.attribute(logs, IMAGES, "gradcam", layers="2", target=1)))
    assert not np.allclose(without, given, rtol=1e-3)
    assert not ended._forward_hooks


Pair = namedtuple("Pair", ["features", "logits"])


@pytest.mark.parametrize(
    ("wrapped", "help_"),
    [
        (lambda y: (None, y), r"output\[1\]"),
        (lambda y: {"loss": 0.0, "scores": y}, r"output\['scores'\]"),
        (lambda y: Pair(None, y), r"output\.logits"),
    ],
)
def test_other_outputs_are_refused_with_the_function_that_reads_them(wrapped, help_):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net(5)

        def forward(self, images):
            return wrapped(self.net(images))

    model = Wrapped()
    with (
        pytest.raises(ModelError, match=f"Wrapped returns a .*give a function of it as output, .*{help_}"),
        reading(model),
    ):
        model(IMAGES)
    assert not model._forward_hooks
    with reading(model, lambda output, images: next(y for y in _values(output) if isinstance(y, torch.Tensor))):
        torch.testing.assert_close(model(IMAGES), net(5)(IMAGES))


def _values(output):
    return output.values() if isinstance(output, dict) else output


def test_rows_of_one_reading_are_never_taken_for_those_of_another():
    """Runs know weights by their digest alone, so that a file may be renamed."""
    readings = [read_as(wrap(net(5), input_size=32, num_classes=5), kind) for kind in ("logits", "prob", "sigmoid")]
    two = two_classes(wrap(net(1), input_size=32, num_classes=1))
    assert len({made.weights_digest for made in (*readings, two)}) == 4


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="no output 'probs'; nearest: 'prob'"), reading(net(5), "probs"):
        pass


def test_functions_of_the_output_that_differ_in_what_they_use_are_told_apart():
    labels = set()
    for head in (0, 1):
        labels |= {function_label(lambda output, images: output[head]) for _ in range(2)}  # noqa: B023
    assert len(labels) == 2


def test_the_command_line_has_the_same_words():
    from wsol.evaluation.build import load_model

    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    p = load_model({"name": "shapes_gap"}).module(images)
    given = load_model({"name": "shapes_gap", "output": "sigmoid"})
    torch.testing.assert_close(given.module(images), p.clamp(1e-30).log() - (1 - p).clamp(1e-30).log())
    torch.testing.assert_close(
        load_model({"name": "shapes_gap", "output": "prob"}).module(images), p.clamp(1e-30).log()
    )

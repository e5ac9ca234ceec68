"""Classifiers by name, and the sentence for each way in which one can't be had."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from tests.models.conftest import Tiny, wrap
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.errors import ConfigError, ModelError, UnknownName
from wsol.models.classifier import IMAGENET_MEAN, Classifier, weights_id
from wsol.models.registered import model, models
from wsol.models.zoo import load_classifier, model_names
from wsol.registry import load_file
from wsol.views import view_named


def test_a_random_network_is_the_same_every_time(random_classifier):
    first = random_classifier("squeezenet1_1", 224)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = load_classifier("squeezenet1_1", weights="random")
    assert torch.equal(torch.get_rng_state(), state)  # and the caller's random numbers are left alone
    assert again.weights_id == first.weights_id
    assert re.fullmatch(r"random:[0-9a-f]{12}", again.weights_id)
    assert (again.num_classes, again.input_size, again.mean) == (1000, 224, IMAGENET_MEAN)
    assert not again.module.training


def test_the_id_changes_with_one_bit_of_one_weight():
    net = Tiny()
    before = weights_id("x", net)
    assert weights_id("x", net) == before
    with torch.no_grad():
        net.fc.bias[0] = torch.nextafter(net.fc.bias[0], torch.tensor(9.0))
    assert weights_id("x", net) != before


def test_inception_and_googlenet_take_their_own_input(random_classifier):
    inception = load_classifier("inception_v3", weights="random")
    assert (inception.input_size, inception.module.transform_input) == (299, False)
    assert random_classifier("googlenet", 224).module.aux1 is None


@pytest.mark.full
def test_a_transformer_is_built_for_the_input_asked_for():
    net = load_classifier("vit_b_32", weights="random", input_size=64)
    scores = net.module(torch.zeros(1, 3, 64, 64))
    assert scores.shape == (1, 1000)
    assert scores.std() > 0  # torchvision starts this head at zero, through which no gradient comes back


def test_number_of_classes_and_input_size_are_checked_first():
    with pytest.raises(ConfigError, match=r"model\.num_classes=0"):
        load_classifier("resnet18", weights="random", num_classes=0)


def test_an_unknown_model_gets_the_nearest_name():
    with pytest.raises(UnknownName, match="there is no model 'resnet5O'; nearest: 'resnet50'"):
        load_classifier("resnet5O")


def test_torchvision_and_embedded_networks_are_listed():
    assert {"resnet50", "shapes_gap", "shapes_vgg", "vgg16"} <= set(model_names())


@pytest.mark.parametrize("name", ["shapes_gap", "shapes_vgg"])
def test_the_embedded_networks_come_with_their_weights(name):
    net = load_classifier(name)
    assert (net.num_classes, net.input_size, len(net.class_names)) == (10, 128, 10)
    assert net.weights_id.startswith("embedded:")
    assert load_classifier(name, weights="random").weights_id != net.weights_id
    with pytest.raises(ModelError, match=r"model 'shapes_.*': 10 classes, not 12"):
        load_classifier(name, num_classes=12)
    assert load_classifier(name, weights="random", num_classes=12).num_classes == 12


# Registered networks


def test_a_registered_function_is_a_model(tiny):
    net = load_classifier(tiny)
    assert (net.num_classes, net.input_size, net.class_names) == (4, 16, ("a", "b", "c", "d"))
    assert load_classifier(tiny).weights_id == net.weights_id
    assert load_classifier(tiny, weights="random").weights_id.split(":")[0] == "random"
    other = load_classifier(tiny, num_classes=7)
    assert (other.num_classes, other.class_names) == (7, ())


def test_a_network_in_a_file_outside_the_package_is_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "_members", dict(models))
    (tmp_path / "my_net.py").write_text(
        "import torch\nfrom wsol.models.registered import model\n\n"
        "@model('my_net', input_size=8)\ndef my_net():\n"
        "    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))\n"
    )
    load_file(tmp_path / "my_net.py")
    assert load_classifier("my_net").num_classes == 2
    assert "my_net" in model_names()


def test_a_function_may_return_a_whole_classifier(monkeypatch):
    monkeypatch.setattr(models, "_members", dict(models))
    given = wrap(Tiny(), input_size=16, num_classes=4)
    model("whole")(lambda: given)
    made = load_classifier("whole")
    assert isinstance(made, Classifier)
    assert (made.name, made.weights_id, made.mean) == ("whole", "toy:0", (0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: 3, "returned a int, not a network"),
        (lambda: torch.nn.Conv2d(3, 4, 3), r"must return logits of shape \(batch, classes\), not \(1, 4, 222, 222\)"),
        (lambda: torch.nn.Linear(7, 2), r"can't run on a \(1, 3, 224, 224\) input"),
    ],
)
def test_a_function_that_makes_no_classifier_is_refused(make, said, monkeypatch):
    monkeypatch.setattr(models, "_members", dict(models))
    model("wrong")(make)
    with pytest.raises(ModelError, match=said):
        load_classifier("wrong")


def test_a_device_that_is_not_there_is_named(tiny):
    with pytest.raises(ModelError, match="can't be put on device 'nonsense'"):
        load_classifier(tiny, device="nonsense")


# Real weights, where they are at hand


@pytest.mark.parametrize(("name", "right"), [("mobilenet_v2", 12), ("squeezenet1_1", 12)])
def test_real_weights_load_strictly_and_know_real_images(name, right, shared):
    """On 16 images of ilsvrc_open. The whole set gives its README's 75.25 and 68.76 %, to the last image."""
    data = shared / "data"
    if not (data / "weights" / f"{name}.pth").is_file():
        pytest.skip(f"{data / 'weights'} is not here")
    net = load_classifier(name, weights=str(data / "weights" / f"{name}.pth"))
    assert (net.num_classes, net.input_size) == (1000, 224)
    images = WsolEvaluation(
        images=str(data / "ilsvrc_open" / "images"), metadata=str(data / "ilsvrc_open" / "metadata")
    )
    samples = images.samples()[::60]
    pixels = (
        np.stack([np.asarray(view_named("squash", 224).inputs(images.image(s))[0], np.float32) for s in samples]) / 255
    )
    normalised = torch.from_numpy(((pixels - net.mean) / net.std).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = net.module(normalised).argmax(1)
    assert (found == torch.tensor([s.label for s in samples])).sum() == right

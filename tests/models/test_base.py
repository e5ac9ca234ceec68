"""Classifiers by name, and the sentence for each way in which one can't be had."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision

from tests.models.conftest import wrap
from wsol.datasets.wsolevaluation import WsolEvaluation
from wsol.errors import ConfigError, ModelError, UnknownName
from wsol.models.base import IMAGENET_MEAN, Classifier, load_classifier, model, model_names, models, weights_id
from wsol.registry import load_file
from wsol.views import View

SQUEEZENET_FILE = "squeezenet1_1-b8a52dc0.pth"  # what torchvision calls its download


class Tiny(torch.nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 6, 3)
        self.bn = torch.nn.BatchNorm2d(6)
        self.fc = torch.nn.Linear(6, num_classes)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).relu().mean((2, 3)))


@pytest.fixture
def tiny(monkeypatch):
    """`tiny`, a registered network of four classes, for the length of a test."""
    monkeypatch.setattr(models, "_members", dict(models._members))

    @model("tiny", input_size=16, class_names=("a", "b", "c", "d"))
    def make(*, num_classes=4):
        return Tiny(num_classes)

    return "tiny"


@pytest.fixture
def checkpoint(tmp_path):
    """A file with the weights of a `Tiny`, with the given content around them."""

    def write(num_classes=4, *, name="tiny.pth", around=lambda state: state):
        path = tmp_path / name
        torch.manual_seed(3)
        content = around(Tiny(num_classes).state_dict())
        if name.endswith(".safetensors"):
            safetensors.torch.save_file(content, path)
        else:
            torch.save(content, path)
        return str(path)

    return write


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


def test_a_transformer_is_built_for_the_input_asked_for():
    net = load_classifier("vit_b_32", weights="random", input_size=64)
    assert net.module(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


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
    with pytest.raises(ModelError, match=r"the embedded weights of .*: 10 classes, not 12"):
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
    monkeypatch.setattr(models, "_members", dict(models._members))
    (tmp_path / "my_net.py").write_text(
        "import torch\nfrom wsol.models.base import model\n\n"
        "@model('my_net', input_size=8)\ndef my_net():\n"
        "    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))\n"
    )
    load_file(tmp_path / "my_net.py")
    assert load_classifier("my_net").num_classes == 2
    assert "my_net" in model_names()


def test_a_function_may_return_a_whole_classifier(monkeypatch):
    monkeypatch.setattr(models, "_members", dict(models._members))
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
    monkeypatch.setattr(models, "_members", dict(models._members))
    model("wrong")(make)
    with pytest.raises(ModelError, match=said):
        load_classifier("wrong")


# Files


@pytest.mark.parametrize("name", ["tiny.pth", "tiny.pt", "tiny.safetensors"])
def test_weights_come_from_a_file(name, tiny, checkpoint):
    net = load_classifier(tiny, weights=checkpoint(name=name))
    torch.manual_seed(3)
    assert torch.equal(net.module.fc.weight, Tiny().fc.weight)
    assert net.weights_id.startswith(f"{name}:")


@pytest.mark.parametrize(
    "around",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "lr": 0.1},
        lambda state: {f"module.{k}": v for k, v in state.items()},
        lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
        lambda state: {k: v for k, v in state.items() if "num_batches" not in k},  # written before torch 0.4.1
    ],
)
def test_wrappers_and_prefixes_of_training_scripts_are_taken_off(around, tiny, checkpoint):
    plain = load_classifier(tiny, weights=checkpoint())
    assert load_classifier(tiny, weights=checkpoint(around=around)).weights_id == plain.weights_id


def test_the_network_is_built_with_the_number_of_classes_in_the_file(tiny, checkpoint):
    assert load_classifier(tiny, weights=checkpoint(9)).num_classes == 9
    assert load_classifier(tiny, weights=checkpoint(9), num_classes=9).num_classes == 9


def test_another_number_of_classes_than_asked_for_names_both(tiny, checkpoint):
    with pytest.raises(ModelError, match=r"the weights in .*tiny\.pth: 9 classes, not 5"):
        load_classifier(tiny, weights=checkpoint(9), num_classes=5)


def test_a_torchvision_network_takes_the_classes_of_a_file(tmp_path):
    torch.save(torchvision.models.squeezenet1_1(weights=None, num_classes=11).state_dict(), tmp_path / "birds.pth")
    net = load_classifier("squeezenet1_1", weights=str(tmp_path / "birds.pth"), input_size=64)
    assert (net.num_classes, net.class_names) == (11, ())


@pytest.mark.parametrize(
    ("around", "said"),
    [
        (lambda s: {k: v for k, v in s.items() if "conv" not in k}, r"2 missing \(first 'conv.weight'\)"),
        (lambda s: {**s, "neck": torch.zeros(1)}, r"1 unexpected \(first 'neck'\)"),
        (lambda s: {**s, "conv.weight": torch.zeros(6, 3, 5, 5)}, r"\(6, 3, 5, 5\) in the file, \(6, 3, 3, 3\)"),
        (lambda s: {**s, "fc.bias": torch.full((4,), torch.nan)}, "'fc.bias' has values that are not finite"),
        (lambda _: {"state_dict": {}}, "holds no state dict"),
        (lambda _: [1, 2], "holds no state dict: it is list"),
        (lambda s: {**s, "epoch": 3}, "'epoch' is no tensor"),
        (lambda _: Path("/"), "not a plain state dict"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_first_key(around, said, tiny, checkpoint):
    with pytest.raises(ModelError, match=said):
        load_classifier(tiny, weights=checkpoint(around=around))


@pytest.mark.parametrize("name", ["bad.pth", "bad.safetensors"])
def test_a_damaged_file_is_refused(name, tiny, tmp_path):
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match=re.escape(str(tmp_path / name))):
        load_classifier(tiny, weights=str(tmp_path / name))


def test_a_file_that_is_not_there_gets_the_nearest_one(tiny, checkpoint):
    path = checkpoint()
    with pytest.raises(ModelError, match=r"there is no weights file .*tinny.pth'; nearest: '.*tiny\.pth'"):
        load_classifier(tiny, weights=path.replace("tiny.pth", "tinny.pth"))


def test_an_unknown_set_of_weights_gets_the_nearest_one():
    with pytest.raises(ModelError, match="'IMAGENET1K_V9'; nearest: 'IMAGENET1K_V"):
        load_classifier("resnet50", weights="IMAGENET1K_V9")


# Torchvision's own weights


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty torch hub cache."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_named_weights_come_from_the_hub_cache_with_their_preprocessing(hub):
    net = torchvision.models.squeezenet1_1(weights=None)
    torch.save(net.state_dict(), hub / SQUEEZENET_FILE)
    made = load_classifier("squeezenet1_1")
    assert made.weights_id == weights_id("IMAGENET1K_V1", net)
    assert made.class_names[0] == "tench"
    # The same file, named by its path, is known for what it is.
    local = load_classifier("squeezenet1_1", weights=str(hub / SQUEEZENET_FILE))
    assert local.class_names == made.class_names
    assert local.weights_id.split(":")[1] == made.weights_id.split(":")[1]


def test_a_failed_download_says_where_to_put_the_file(hub, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", fail)
    with pytest.raises(ModelError, match=r"could not be downloaded \(no route to host\); put the file") as caught:
        load_classifier("squeezenet1_1")
    assert str(hub / SQUEEZENET_FILE) in str(caught.value)


def test_a_damaged_cache_is_reported_as_such(hub):
    (hub / SQUEEZENET_FILE).write_bytes(b"half a file")
    with pytest.raises(ModelError, match="can't be read"):
        load_classifier("squeezenet1_1", weights="IMAGENET1K_V1")


def test_named_weights_have_the_number_of_classes_they_have():
    with pytest.raises(ModelError, match="IMAGENET1K_V1 of resnet18: 1000 classes, not 200"):
        load_classifier("resnet18", weights="IMAGENET1K_V1", num_classes=200)


def test_weights_without_a_classifier_are_refused():
    with pytest.raises(
        ModelError, match="IMAGENET1K_FEATURES of vgg16 have no classifier; take another: IMAGENET1K_V1"
    ):
        load_classifier("vgg16", weights="IMAGENET1K_FEATURES")


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
    pixels = np.stack([np.asarray(View("squash", 224).inputs(images.image(s))[0], np.float32) for s in samples]) / 255
    normalised = torch.from_numpy(((pixels - net.mean) / net.std).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = net.module(normalised).argmax(1)
    assert (found == torch.tensor([s.label for s in samples])).sum() == right

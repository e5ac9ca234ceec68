"""Weights from files and from torchvision's cache, and the sentence for each way in which they don't load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torchvision

from tests.models.conftest import Tiny
from wsol.errors import ModelError
from wsol.models.classifier import weights_id
from wsol.models.zoo import load_classifier

SQUEEZENET_FILE = "squeezenet1_1-b8a52dc0.pth"  # what torchvision calls its download


# Files


@pytest.mark.parametrize("name", ["tiny.pth", "tiny.pt", "tiny.safetensors", "tiny.ckpt", "tiny.pth.tar"])
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
        lambda state: {"net": state, "epoch": 3},
        lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}},  # Lightning
        lambda state: {"model": {f"module.model.{k}": v for k, v in state.items()}},
        lambda state: {f"backbone.{k}": v for k, v in state.items()},
        lambda state: {f"_orig_mod.module.{k}": v for k, v in state.items()},
        lambda state: {"n_averaged": torch.tensor(3), **{f"module.{k}": v for k, v in state.items()}},  # SWA
        lambda state: {**state, "total_ops": torch.zeros(1), "conv.total_params": torch.zeros(1)},  # thop
    ],
)
def test_wrappers_and_prefixes_of_training_scripts_are_taken_off(around, tiny, checkpoint):
    plain = load_classifier(tiny, weights=checkpoint())
    assert load_classifier(tiny, weights=checkpoint(around=around)).weights_id == plain.weights_id


def test_of_several_networks_in_a_file_the_first_is_taken_with_a_word_and_any_can_be_chosen(tiny, checkpoint, caplog):
    other = {k: v + 1 for k, v in Tiny().state_dict().items()}
    path = checkpoint(around=lambda state: {"model": state, "model_ema": other})
    first, second = load_classifier(tiny, weights=path), load_classifier(tiny, weights=f"{path}#model_ema")
    assert f"'model' is taken; for another give {path}#model_ema" in caplog.text
    assert len(caplog.records) == 1  # nothing where it was chosen
    assert torch.equal(second.module.fc.weight, other["fc.weight"])
    assert first.weights_id.split(":")[1] != second.weights_id.split(":")[1]
    with pytest.raises(ModelError, match="'model_em'; nearest: 'model_ema'"):
        load_classifier(tiny, weights=f"{path}#model_em")


def test_names_that_share_no_prefix_are_not_guessed(tiny, checkpoint):
    path = checkpoint(around=lambda s: {f"net.{k}" if "fc" in k else f"body.{k}": v for k, v in s.items()})
    with pytest.raises(ModelError, match="don't fit tiny"):
        load_classifier(tiny, weights=path)


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
        (lambda s: {**s, "epoch": 3}, "'epoch' is not a tensor"),
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

"""Weights from files and from torchvision's cache, and the sentence for each way in which they don't load."""

from __future__ import annotations

import os
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


@pytest.mark.parametrize("name", ["tiny.pth", "tiny.pt", "tiny.safetensors", "tiny.pth.tar", "tiny.ckpt"])
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
        lambda state: {"net": state, "acc": 93.1},
        lambda state: {"anything": state, "optimizer": {"state": {0: {"step": 3}}}},
        lambda state: {"state_dict": {"model": state}},
        lambda state: {f"model.{k}": v for k, v in state.items()},
        lambda state: {f"module.model.{k}": v for k, v in state.items()},
        lambda state: {k.replace("conv.", "conv._orig_mod."): v for k, v in state.items()},  # one part compiled
        lambda state: {f"_fsdp_wrapped_module.{k}": v for k, v in state.items()},
        lambda state: {f"module._orig_mod.{k}": v for k, v in state.items()},
        lambda state: {"state_dict": {**{f"backbone.{k}": v for k, v in state.items()}, "loss.weight": torch.ones(2)}},
        lambda state: {**{f"module.{k}": v for k, v in state.items()}, "n_averaged": torch.tensor(3)},
        lambda state: {**state, "conv.total_ops": torch.zeros(1), "total_params": torch.zeros(1)},
        lambda state: {k: v for k, v in state.items() if "num_batches" not in k},  # written before torch 0.4.1
    ],
)
def test_wrappers_and_prefixes_of_training_scripts_are_taken_off(around, tiny, checkpoint):
    plain = load_classifier(tiny, weights=checkpoint())
    assert load_classifier(tiny, weights=checkpoint(around=around)).weights_id == plain.weights_id


def test_a_prefix_that_is_taken_off_is_reported(tiny, checkpoint, caplog):
    with caplog.at_level("INFO"):
        load_classifier(tiny, weights=checkpoint(around=lambda s: {f"net.model.{k}": v for k, v in s.items()}))
    assert "the weights are those under the prefix 'net.model.'" in caplog.text


def test_of_two_sets_of_weights_the_choice_is_reported_and_can_be_made(tiny, checkpoint, caplog):
    def both(state):
        return {"model": state, "model_ema": {k: v * 2 for k, v in state.items()}}

    plain, path = load_classifier(tiny, weights=checkpoint()), checkpoint(around=both)
    first = load_classifier(tiny, weights=path)
    assert first.weights_digest == plain.weights_digest
    assert f"holds model, model_ema: model is taken; model.weights={path}@model_ema takes the other" in caplog.text
    other = load_classifier(tiny, weights=f"{path}@model_ema")
    assert torch.equal(other.module.fc.weight, plain.module.fc.weight * 2)
    assert other.weights_id.startswith("tiny.pth@model_ema:")
    with pytest.raises(ModelError, match="there is no entry 'model_em'; nearest: 'model_ema'"):
        load_classifier(tiny, weights=f"{path}@model_em")


def test_of_two_prefixes_the_choice_is_reported_and_can_be_made(tiny, checkpoint, caplog):
    def both(state):
        return {**{f"query.{k}": v for k, v in state.items()}, **{f"key.{k}": v * 2 for k, v in state.items()}}

    path = checkpoint(around=lambda state: {"state_dict": both(state)})
    plain = load_classifier(tiny, weights=checkpoint(name="plain.pth"))
    first = load_classifier(tiny, weights=path)
    assert (
        f"weights under the prefixes 'key.', 'query.': 'key.' is taken; model.weights={path}@query takes" in caplog.text
    )
    assert torch.equal(first.module.fc.weight, plain.module.fc.weight * 2)
    assert load_classifier(tiny, weights=f"{path}@query").weights_digest == plain.weights_digest


def test_weights_of_whole_numbers_are_refused_and_not_rounded_to_zero(tiny, checkpoint):
    path = checkpoint(around=lambda state: {k: (v * 100).to(torch.int8) for k, v in state.items()})
    with pytest.raises(ModelError, match=r"'[\w.]+' is of whole numbers \(torch\.int8\), as quantized weights are"):
        load_classifier(tiny, weights=path)


def test_a_suffix_in_capitals_is_the_suffix(tiny, checkpoint, tmp_path):
    path = Path(checkpoint()).rename(tmp_path / "TINY.PTH")
    assert load_classifier(tiny, weights=str(path)).num_classes


def test_sets_of_weights_under_unknown_names_need_a_choice(tiny, checkpoint):
    path = checkpoint(around=lambda s: {"student": s, "teacher": {k: v * 2 for k, v in s.items()}})
    with pytest.raises(ModelError, match=r"several sets of weights, student, teacher; say which: .*@student"):
        load_classifier(tiny, weights=path)


class Evil:
    """Would run a command when it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/wsol-was-here",)


@pytest.mark.parametrize(
    "around", [lambda s: {**s, "x": Evil()}, lambda s: Evil(), lambda s: {"model": s, "y": [Evil()]}]
)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(around, zipped, tiny, tmp_path):
    Path("/tmp/wsol-was-here").unlink(missing_ok=True)
    torch.save(around(Tiny().state_dict()), tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match="not a plain state dict"):
        load_classifier(tiny, weights=str(tmp_path / "evil.pth"))
    assert not Path("/tmp/wsol-was-here").exists()


def _cut(path, length):
    """A file of weights whose end is missing, as a copy over a network leaves it."""
    torch.save({"w": torch.zeros(100, 100)}, path)
    path.write_bytes(path.read_bytes()[:length])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.mkdir(), "is a folder, not a file of weights"),
        (lambda p: os.mkfifo(p), "is a pipe or device, not a file of weights"),
        (lambda p: p.symlink_to("gone.pth"), "is a link to gone.pth, which is not there"),
        (lambda p: p.write_bytes(b""), "it is empty or cut short"),
        (lambda p: p.write_bytes(b"e"), "can't be read as weights|not a plain state dict"),
        (lambda p: p.write_bytes(b"e" * 100), "can't be read as weights: it is empty, damaged, or of another format"),
        (lambda p: _cut(p, 5000), "can't be read as weights: it is empty or cut short"),
        (lambda p: torch.save({"w": torch.eye(3).to_sparse()}, p), "'w' is a sparse tensor"),
        (lambda p: torch.save({"w": torch.zeros(3, device="meta")}, p), "'w' is a meta tensor"),
        (lambda p: torch.jit.script(torch.nn.Flatten()).save(str(p)), "was scripted or traced, not a file of weights"),
        (lambda p: torch.save({"w": torch.zeros(3, dtype=torch.complex64)}, p), "'w' is a complex tensor"),
    ],
)
@pytest.mark.filterwarnings(
    "ignore:Validating sparse", "ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning"
)
def test_what_is_not_a_file_of_weights_is_refused_with_the_reason(make, said, tiny, tmp_path):
    make(tmp_path / "w.pth")
    with pytest.raises(ModelError, match=said) as caught:
        load_classifier(tiny, weights=str(tmp_path / "w.pth"))
    assert "no reason given" not in str(caught.value)
    assert "nearest" not in str(caught.value)


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

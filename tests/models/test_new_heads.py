"""Heads in place of a network's own: CAM holds behind them, the trunk keeps its weights, what can't be cut says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from tests.training.small import WORDS
from wsol.cli import main
from wsol.errors import ConfigError, ModelError
from wsol.models.heads import head_behind
from wsol.models.new_heads import PooledHead, with_pooled_head, with_token_head
from wsol.models.stages import resolve_layer
from wsol.models.trained import Design, build, read_record
from wsol.models.zoo import load_classifier
from wsol.training.network import carry_over

SIDE = 64


def pooled(name: str, layer: str = "last") -> Design:
    return Design(network=name, num_classes=3, input_size=SIDE, new_head="pooled", head_layer=layer)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    "name",
    ["alexnet", "squeezenet1_1", "resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "densenet121", "googlenet"],
)
def test_cam_holds_behind_average_pooling_of_any_network(name: str) -> None:
    classifier = build(pooled(name))
    layer = resolve_layer(classifier, "last")
    images = torch.rand((2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert classifier.module.eval()(images).shape == (2, 3)
    head = head_behind(classifier.module, layer, images)
    assert head is not None
    assert head.linear
    assert torch.equal(head.weight, classifier.module.fc.weight.detach())


def test_the_trunk_keeps_its_layers_and_starts_from_their_weights() -> None:
    original = load_classifier("alexnet", weights="random", input_size=SIDE)
    module, layer = with_pooled_head(original, "features.11", 3)
    assert layer == "features.11"
    assert isinstance(module, PooledHead)
    state = {key: value + 1 for key, value in original.module.state_dict().items()}
    new = carry_over(module, state, name="alexnet", origin="a file")
    assert new == {"fc.weight", "fc.bias"}
    for key, value in module.trunk.state_dict().items():
        assert torch.equal(value, state[key])
    with pytest.raises(ModelError, match=r"a file has no layer like trunk.features.0.weight of alexnet"):
        carry_over(module, {}, name="alexnet", origin="a file")


def test_parameters_in_no_layer_are_carried_over_too() -> None:
    """A transformer's class token and positions: they stand beside its layers, in none of them."""
    tower = "deit_tiny_patch16_224"
    original = {key: value + 1 for key, value in timm.create_model(tower).state_dict().items()}
    module = load_classifier("deit_tscam", weights="random", num_classes=3, tower=tower).module
    new = carry_over(module, original, name="deit_tscam", origin="a file")
    assert new == {"head.weight", "head.bias"}
    for key in ("cls_token", "pos_embed", "norm.bias", "blocks.11.mlp.fc2.weight"):
        assert torch.equal(module.state_dict()[key], original[key]), key
    del original["cls_token"]
    with pytest.raises(ModelError, match=r"a file has no layer like cls_token of deit_tscam \(cls_token\)"):
        carry_over(module, original, name="deit_tscam", origin="a file")


def test_weights_of_another_network_are_refused() -> None:
    module = load_classifier("alexnet", weights="random").module
    other = load_classifier("squeezenet1_1", weights="random").module.state_dict()
    with pytest.raises(ModelError, match=r"the 16 tensors of alexnet; start from weights of this network"):
        carry_over(module, other, name="alexnet", origin="squeezenet")


def test_what_cannot_be_traced_says_so() -> None:
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.fc = nn.Linear(4, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps = self.conv(images)
            return self.fc(maps.mean((2, 3)) if maps.mean() > 0 else maps.amax((2, 3)))

    from wsol.models.classifier import IMAGENET_MEAN, IMAGENET_STD, finish

    moody = finish("moody", Moody(), "random", 16, IMAGENET_MEAN, IMAGENET_STD)
    with pytest.raises(ModelError, match=r"moody can't be cut behind conv .*use recipe.new_head=linear"):
        with_pooled_head(moody, "conv", 3)


def test_tokens_become_a_grid_in_their_order() -> None:
    trunk = timm.create_model("vit_tiny_patch16_224", img_size=SIDE, num_classes=0).eval()
    module = with_token_head(trunk, 3, 8).eval()
    kept: list[torch.Tensor] = []
    module.maps.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    images = torch.rand((1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = module(images)
        tokens = trunk.forward_features(images)
    assert logits.shape == (1, 3)
    for row in range(4):
        for column in range(4):
            assert torch.allclose(kept[0][0, :, row, column], tokens[0, 1 + 4 * row + column], atol=1e-6)


def test_only_the_vision_transformers_of_timm_have_tokens() -> None:
    with pytest.raises(ConfigError, match=r"new_head=tokens takes networks of timm, timm/NAME, not resnet18"):
        build(Design(network="resnet18", num_classes=3, input_size=SIDE, new_head="tokens"))
    with pytest.raises(ModelError, match=r"ResNet has no patch tokens in a grid"):
        with_token_head(timm.create_model("resnet18", num_classes=0), 3, 8)


@pytest.mark.full
def test_a_head_on_frozen_tokens_is_trained_and_nothing_else(tmp_path: Path) -> None:
    state = timm.create_model("vit_tiny_patch16_224", img_size=32).state_dict()
    torch.save(state, tmp_path / "vit.pth")
    words = ["recipe=frozen_head", "recipe.resize=36", "recipe.crop=32", "recipe.epochs=2", "recipe.cache=true"]
    words += ["dataset=shapes", "dataset.n=40", "engine.device=cpu", "model=timm/vit_tiny_patch16_224"]
    assert main(["train", *words, f"model.weights={tmp_path / 'vit.pth'}", f"out={tmp_path / 'o'}"]) == 0
    trained = load_classifier(str(tmp_path / "o")).module.state_dict()
    assert all(
        torch.equal(trained[f"trunk.{key}"], value) for key, value in state.items() if not key.startswith("head")
    )
    run = [
        f"model={tmp_path / 'o'}",
        "dataset=shapes",
        "dataset.limit=2",
        "method=[cam@maps]",
        "metric=[]",
        "gallery=0",
    ]
    assert main(["run", *run, "protocol=choe2020_v2", "--runs", str(tmp_path / "runs")]) == 0


@pytest.mark.full
def test_a_pooled_head_is_trained_and_read_by_cam(tmp_path: Path) -> None:
    words = [word for word in WORDS if not word.startswith(("recipe=", "recipe.first", "model="))]
    words = ["recipe=cam_head", *words, "model=vgg11", "recipe.epochs=1", f"out={tmp_path / 'o'}"]
    assert main(["train", *words]) == 0
    record = read_record(tmp_path / "o")
    assert record is not None
    assert (record.built.network, record.built.new_head, record.built.num_classes) == ("vgg11", "pooled", 10)
    run = [f"model={tmp_path / 'o'}", "dataset=shapes", "dataset.limit=2", "method=[cam]", "metric=[]", "gallery=0"]
    assert main(["run", *run, "protocol=choe2020_v2", "--runs", str(tmp_path / "runs")]) == 0

"""Tokens to grids and back; transformers of torchvision and timm."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
import torch
import torchvision

import wsol
from tests.models.conftest import wrap
from wsol.errors import LayerError, ModelError, UnknownName
from wsol.models import timm as timm_zoo
from wsol.models.forward import capture
from wsol.models.network import AnyNetwork
from wsol.models.query import ModelQuery
from wsol.models.stages import resolve_layer, stages
from wsol.models.tokens import Grid, Grids
from wsol.models.zoo import load_classifier


def random_like(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def vit():
    net = torchvision.models.VisionTransformer(32, 8, 4, 2, 16, 32, num_classes=5)
    torch.nn.init.normal_(net.heads.head.weight, generator=torch.Generator().manual_seed(0))
    return wrap(net, input_size=32, num_classes=5, name="vit")


@pytest.fixture(scope="module")
def swin():
    net = torchvision.models.SwinTransformer([4, 4], 8, [2, 2, 2, 2], [1, 1, 1, 1], [4, 4], num_classes=5)
    return wrap(net, input_size=64, num_classes=5, name="swin")


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_unfold_puts_tokens_in_rows(prefix):
    tokens = random_like(2, prefix + 9, 4)
    grid = Grid("tokens", prefix).unfold(tokens)
    for row in range(3):
        for column in range(3):
            assert torch.equal(grid[:, :, row, column], tokens[:, prefix + 3 * row + column])


@pytest.mark.parametrize(
    ("grid", "shape"),
    [(Grid("tokens", 0), (2, 9, 4)), (Grid("tokens", 3), (2, 12, 4)), (Grid("channels_last"), (2, 3, 5, 4))],
)
def test_fold_is_the_inverse_of_unfold(grid, shape):
    like = random_like(*shape)
    assert torch.equal(grid.fold(grid.unfold(like), like), like)


def test_fold_takes_the_tokens_in_front_from_the_output_it_replaces():
    like = random_like(1, 11, 4)
    folded = Grid("tokens", 2).fold(torch.zeros(3, 4, 3, 3), like)
    assert folded.shape == (3, 11, 4)
    assert torch.equal(folded[:, :2], like[:, :2].expand(3, 2, 4))
    assert not folded[:, 2:].any()


@pytest.mark.parametrize("shape", [(2, 12, 4), (2, 0, 4), (2, 10, 4, 3), (2, 10)])
def test_what_is_no_square_grid_is_refused(shape):
    with pytest.raises(LayerError, match="is not a square grid behind 1 tokens"):
        Grid("tokens", 1).unfold(torch.zeros(shape))


def test_a_convolutional_network_needs_no_grid(random_classifier):
    assert not Grids(random_classifier("resnet18", 64))


def test_a_vit_has_a_class_token_in_front_of_its_grid(vit):
    found = Grids(vit)
    assert found["encoder.layers.encoder_layer_2"] == Grid("tokens", 1)
    assert found["encoder.layers.encoder_layer_2.ln_1"] == Grid("tokens", 1)
    assert "conv_proj" not in found  # it is an image
    assert "heads.head" not in found


def test_a_swin_is_channels_last_until_its_permute(swin):
    found = Grids(swin)
    assert all(found[layer] == Grid("channels_last") for layer in stages(swin).values())
    assert "permute" not in found


@pytest.mark.parametrize("which", ["vit", "swin"])
def test_every_stage_of_a_transformer_has_a_gradient(which, request):
    made = request.getfixturevalue(which)
    layers = list(stages(made).values())
    images = random_like(2, 3, made.input_size, made.input_size)
    with capture(made.module, layers, grids=Grids(made)) as forward:
        result = forward(images, torch.tensor([1, 3]))
    for layer in layers:
        assert result.activations[layer].ndim == 4
        assert result.activations[layer].shape == result.gradients[layer].shape
        assert result.gradients[layer].flatten(1).any(1).all(), layer


def test_behind_the_last_attention_of_a_vit_patches_have_no_gradient(vit):
    block = resolve_layer(vit, "encoder.layers.-1")
    with capture(vit.module, [block], grids=Grids(vit)) as forward:
        result = forward(random_like(1, 3, 32, 32), torch.tensor([1]))
    assert not result.gradients[block].any()  # why `last` is the norm before it
    assert resolve_layer(vit, "last") == f"{block}.ln_1"


@pytest.mark.parametrize("which", ["vit", "swin"])
def test_a_network_goes_on_from_its_own_grid_to_its_own_logits(which, request):
    made = request.getfixturevalue(which)
    found = Grids(made)
    image = random_like(1, 3, made.input_size, made.input_size)
    for layer in stages(made).values():
        with capture(made.module, [layer], gradients=False, grids=found) as forward:
            result = forward(image)
        again = ModelQuery(made.module, grids=found).logits_from(layer, result.activations[layer], image[0])
        torch.testing.assert_close(again, result.logits, rtol=1e-5, atol=1e-5)


# timm


@pytest.fixture(scope="session")
def timm_classifier():
    """timm name to a classifier with random weights."""
    pytest.importorskip("timm")
    return lambda name, size=None: load_classifier(f"timm/{name}", weights="random", input_size=size)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    ("name", "size", "prefix", "expected"),
    [
        ("vit_tiny_patch16_224", 64, 1, "blocks.1 blocks.4 blocks.6 blocks.9 blocks.11.norm1"),
        ("deit_tiny_distilled_patch16_224", 64, 2, "blocks.1 blocks.4 blocks.6 blocks.9 blocks.11.norm1"),
        ("vit_tiny_r_s16_p8_224", 64, 1, "blocks.1 blocks.4 blocks.6 blocks.9 blocks.11.norm1"),  # a hybrid
    ],
)
def test_stages_of_timms_vits(name, size, prefix, expected, timm_classifier):
    made = timm_classifier(name, size)
    assert list(stages(made).values()) == expected.split()
    assert Grids(made)["blocks.4"] == Grid("tokens", prefix)


@pytest.mark.parametrize(
    ("name", "size", "expected", "layout"),
    [
        ("pvt_v2_b0", 64, "stages.0 stages.1 stages.2 stages.3", None),
        ("convnext_atto", 64, "stages.0 stages.1 stages.2 stages.3", None),
        ("resnet18", 64, "act1 layer1 layer2 layer3 layer4", None),
    ],
)
def test_stages_of_timms_pyramids(name, size, expected, layout, timm_classifier):
    made = timm_classifier(name, size)
    assert list(stages(made).values()) == expected.split()
    grid = Grids(made).get(stages(made)["stage3"])
    assert (grid.layout if grid else None) == layout


def test_a_vit_that_pools_its_patches_ends_with_its_last_block():
    timm = pytest.importorskip("timm")
    net = timm.create_model("vit_tiny_patch16_224", img_size=64, reg_tokens=4, class_token=False, global_pool="avg")
    made = wrap(net, input_size=64, num_classes=1000)
    assert list(stages(made).values()) == ["blocks.1", "blocks.4", "blocks.6", "blocks.9", "blocks.11"]
    assert Grids(made)["blocks.4"] == Grid("tokens", 4)


def test_timms_swin_is_channels_last():
    timm = pytest.importorskip("timm")
    small = {"embed_dim": 8, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1)}
    made = wrap(timm.create_model("swin_tiny_patch4_window7_224", **small), input_size=224, num_classes=1000)
    assert list(stages(made).values()) == ["layers.0", "layers.1", "layers.2", "layers.3"]
    assert Grids(made)["layers.2"] == Grid("channels_last")


def test_timms_preprocessing_is_its_own(timm_classifier):
    made = timm_classifier("vit_tiny_patch16_224", 64)
    assert (made.mean, made.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert (made.name, made.num_classes, made.input_size) == ("timm/vit_tiny_patch16_224", 1000, 64)


def test_timms_errors_have_their_sentences(timm_classifier):
    with pytest.raises(ModelError, match="no classifier, only features"):
        timm_classifier("vit_small_patch14_reg4_dinov2", 28)


def test_an_unknown_timm_model_gets_the_nearest_name():
    pytest.importorskip("timm")
    with pytest.raises(UnknownName, match="there is no model 'timm/resnet81'; nearest: 'timm/resnet"):
        load_classifier("timm/resnet81", weights="random")


def test_timms_weights_come_from_a_file(timm_classifier, tmp_path):
    given = load_classifier("timm/convnext_atto", weights="random", num_classes=3, input_size=64)
    torch.save(given.module.state_dict(), tmp_path / "atto.pth")
    made = load_classifier("timm/convnext_atto", weights=str(tmp_path / "atto.pth"), input_size=64)
    assert made.num_classes == 3
    assert made.weights_id.split(":")[1] == given.weights_id.split(":")[1]


def test_timms_weights_that_can_not_be_had_are_named(timm_classifier, monkeypatch):
    import timm

    build = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained:
            raise OSError("offline")
        return build(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ModelError, match=r"the weights of timm/resnet18 can't be had \(offline\); give a file"):
        load_classifier("timm/resnet18")
    with pytest.raises(ModelError, match="'DEFAULTS'; nearest: 'DEFAULT'"):
        load_classifier("timm/resnet18", weights="DEFAULTS")


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    importlib.reload(timm_zoo)  # finding the models that there are must not need it
    with pytest.raises(ModelError, match=r"needs timm, which is not installed: pip install 'wsol\[timm\]'"):
        load_classifier("timm/resnet18", weights="random")


def test_tokens_in_the_order_of_mask_units_are_put_in_order_where_the_network_states_it() -> None:
    """The twin undoes Hiera's unroll by its description: units of 8x8 tokens, halved thrice, innermost first."""
    timm = pytest.importorskip("timm", "1.0.9")  # older: Hiera takes no single img_size
    torch.manual_seed(0)
    net = timm.create_model("hiera_tiny_224", img_size=64, num_classes=5, embed_dim=24, stages=(1, 1, 1, 1))
    net = net.eval().double()
    torch.nn.init.normal_(net.head.fc.weight, std=0.2)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for layer, side, halvings in (("blocks.0", 16, 3), ("blocks.1", 8, 2), ("blocks.2", 4, 1), ("blocks.3", 2, 0)):
        kept: list[torch.Tensor] = []
        handle = net.get_submodule(layer).register_forward_hook(lambda m, a, output, kept=kept: kept.append(output))
        logits = net(images)
        handle.remove()
        (gradient,) = torch.autograd.grad(logits[:, 1].sum(), kept[0])
        flat = (gradient * kept[0]).sum(2).detach()  # HiResCAM of each token
        expected = torch.zeros(2, side, side, dtype=torch.float64)
        for row in range(side):
            for column in range(side):
                expected[:, row, column] = flat[:, place(row, column, side, halvings)]
        assert expected.abs().max() > 0
        given = wsol.attribute(net, images, "hirescam", layers=layer, target=1, check=True)
        np.testing.assert_allclose(np.asarray(given), expected, rtol=1e-6, atol=1e-12)
        if halvings:
            assert not np.allclose(np.asarray(given), flat.reshape(2, side, side), rtol=1e-3)
        grids = Grids(AnyNetwork(net, images[:1]))
        with capture(net, [layer], gradients=False, grids=grids) as forward:
            activations = forward(images).activations[layer]
        run_on = ModelQuery(net, grids=grids).logits_from(layer, activations[:1], images[0])
        torch.testing.assert_close(run_on, logits[:1].detach())
    grid = grids["blocks.0"]
    tokens = torch.arange(2 * 256 * 3.0).reshape(2, 256, 3)
    assert torch.equal(grid.fold(grid.unfold(tokens), tokens), tokens)


def place(row: int, column: int, side: int, halvings: int) -> int:
    """Where Hiera's unroll puts the token of a cell: the offset inside 2x2 of each halving outermost, units last."""
    offset, height = 0, side
    for _ in range(halvings):
        offset = offset * 4 + row % 2 * 2 + column % 2
        row, column, height = row // 2, column // 2, height // 2
    return offset * height * height + row * height + column

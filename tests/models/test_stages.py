"""Stages and layers by name."""

from __future__ import annotations

import pytest
import torch
import torchvision

from tests.models.conftest import unfilled, wrap
from wsol.errors import LayerError
from wsol.models.outline import NOTHING, outline, readings
from wsol.models.stages import list_layers, resolve_layer, stages

# By name, input size: the stages a reader of the paper would name. Dotted names as in torchvision.
STAGES = {
    ("resnet18", 64): "relu layer1 layer2 layer3 layer4",
    ("mobilenet_v2", 64): "features.1 features.3 features.6 features.13 features.18",
    ("squeezenet1_1", 224): "features.1 features.4 features.7 features.12",
    ("densenet121", 64): (
        "features.relu0 features.denseblock1 features.denseblock2 features.denseblock3 features.norm5"
    ),
    ("googlenet", 224): "conv1 conv3 inception3b inception4e inception5b",
    ("inception_v3", 299): "Conv2d_2b_3x3 Conv2d_4a_3x3 Mixed_5d Mixed_6e Mixed_7c",
    ("efficientnet_b0", 64): "features.1 features.2 features.3 features.5 features.8",
    ("convnext_tiny", 64): "features.1 features.3 features.5 features.7",
    ("regnet_y_400mf", 64): ("stem trunk_output.block1 trunk_output.block2 trunk_output.block3 trunk_output.block4"),
    ("shufflenet_v2_x0_5", 64): "conv1 stage2 stage3 conv5",
    ("mnasnet0_5", 64): "layers.7 layers.8 layers.9 layers.11 layers.16",
    ("mobilenet_v3_small", 64): "features.0 features.1 features.3 features.8 features.12",
}
VGG16 = "features.3 features.8 features.15 features.22 features.29"


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(("name", "size"), STAGES)
def test_each_family_has_the_stages_its_paper_names(name, size, random_classifier):
    found = stages(random_classifier(name, size))
    assert list(found.values()) == STAGES[name, size].split()
    assert list(found) == [f"stage{i}" for i in range(1, len(found) + 1)]


@pytest.mark.full
@pytest.mark.parametrize(("name", "expected"), [("vgg16", VGG16), ("alexnet", "features.1 features.4 features.11")])
def test_networks_without_residuals_end_each_stage_at_the_relu_before_the_pool(name, expected):
    assert list(stages(unfilled(name)).values()) == expected.split()


def test_the_embedded_networks_have_five_stages(random_classifier):
    assert len(stages(random_classifier("shapes_vgg", 128))) == 5
    own = stages(random_classifier("shapes_gap", 128))  # two of them at one resolution: the network names its own
    assert own == {f"stage{i}": f"stage{i}" for i in range(1, 6)}


def test_a_wrapped_backbone_has_the_stages_of_the_bare_one():
    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.ModuleDict({"body": torchvision.models.resnet18(weights=None)})

        def forward(self, x):
            return self.net["body"](x)

    found = stages(wrap(Wrapped(), input_size=64, num_classes=1000))
    assert list(found.values()) == [f"net.body.{n}" for n in STAGES["resnet18", 64].split()]


def test_a_swin_has_four_stages_and_leaves_the_norm_to_the_head():
    net = torchvision.models.SwinTransformer([4, 4], 8, [2, 2, 2, 2], [1, 1, 1, 1], [4, 4], num_classes=5)
    found = stages(wrap(net, input_size=64, num_classes=5))
    assert list(found.values()) == ["features.1", "features.3", "features.5", "features.7"]


def test_a_vit_ends_before_the_attention_behind_which_patches_have_no_gradient():
    net = torchvision.models.VisionTransformer(
        32, 8, 10, 2, 16, 32, num_classes=5
    )  # a head of zeros, as torchvision makes it
    found = stages(wrap(net, input_size=32, num_classes=5))
    blocks = [f"encoder.layers.encoder_layer_{i}" for i in (1, 3, 5, 7, 9)]
    assert list(found.values()) == [*blocks[:-1], f"{blocks[-1]}.ln_1"]


def test_presets_last_input_and_dotted_names_are_layers(random_classifier):
    net = random_classifier("resnet18", 64)
    assert resolve_layer(net, "stage3") == "layer2"
    assert resolve_layer(net, "last") == "layer4"
    assert resolve_layer(net, "input") == "input"
    assert resolve_layer(net, "layer4.1.bn2") == "layer4.1.bn2"
    assert resolve_layer(net, "layer4.-1.bn2") == "layer4.1.bn2"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("layer5", "there is no layer of resnet18 'layer5'; nearest: 'layer"),
        ("stage6", "nearest: 'stage5'"),
        ("layer4.-9.bn2", "there is no layer"),
        ("", "there is no layer"),
        ("fc", r"layer 'fc' of resnet18 has no spatial output \(its shape is \(1, 1000\)\)"),
    ],
)
def test_a_layer_that_is_not_there_or_not_spatial_is_named(typed, said, random_classifier):
    with pytest.raises(LayerError, match=said) as caught:
        resolve_layer(random_classifier("resnet18", 64), typed)
    assert "wsol list layers model=resnet18" in str(caught.value)


def test_a_module_that_never_runs_is_no_layer():
    net = torchvision.models.resnet18(weights=None)
    net.spare = torch.nn.Conv2d(3, 3, 1)
    with pytest.raises(LayerError, match="never run"):
        resolve_layer(wrap(net, input_size=64, num_classes=1000), "spare")


def test_listed_layers_are_spatial_and_carry_their_stage(random_classifier):
    layers = {name: (preset, shape) for name, preset, shape in list_layers(random_classifier("resnet18", 64))}
    assert layers["layer3"] == ("stage4", (256, 4, 4))
    assert layers["layer4.1.conv2"] == ("", (512, 2, 2))
    assert "fc" not in layers
    assert "avgpool" not in layers  # one cell is no map


def test_a_head_of_class_maps_is_not_a_stage(random_classifier):
    net = random_classifier("squeezenet1_1", 224)
    assert outline(net)["classifier.1"].is_class_map
    assert not outline(net)["features.12"].is_class_map


def test_looking_at_a_network_leaves_it_as_it_was():
    net = torchvision.models.resnet18(weights=None)
    made = wrap(net, input_size=64, num_classes=1000)
    net.train()
    net.layer1.eval()
    before = {n: v.clone() for n, v in net.state_dict().items()}
    stages(made)
    assert net.training
    assert net.layer2.training
    assert not net.layer1.training
    assert all(not part._forward_hooks for part in net.modules())
    assert all(torch.equal(before[n], v) for n, v in net.state_dict().items())


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1, 64, 7, 7), ("channels_first", 64, (7, 7), 0)),
        ((1, 7, 7, 64), ("channels_last", 64, (7, 7), 0)),
        ((1, 7, 7, 7), ("channels_first", 7, (7, 7), 0)),
        ((1, 64, 7, 8), ("none", 0, (), 0)),
        ((1, 197, 192), ("tokens", 192, (14, 14), 1)),
        ((1, 198, 192), ("tokens", 192, (14, 14), 2)),
        ((1, 49, 192), ("tokens", 192, (7, 7), 0)),
        ((1, 100, 192), ("none", 0, (), 0)),
        ((4, 49, 192), ("none", 0, (), 0)),
        ((1, 1000), ("none", 0, (), 0)),
    ],
)
def test_rows_and_columns_are_found_by_shape(shape, layout):
    assert next(readings(shape, (224, 224), ((14, 14), (7, 7))), NOTHING) == layout


@pytest.mark.parametrize(
    ("shape", "space", "layout"),
    [
        ((1, 64, 7, 10), (224, 300), ("channels_first", 64, (7, 10), 0)),
        ((1, 7, 10, 64), (224, 300), ("channels_last", 64, (7, 10), 0)),
        ((1, 64, 10, 7), (224, 300), ("none", 0, (), 0)),
        ((1, 141, 192), (224, 320), ("tokens", 192, (10, 14), 1)),
        ((1, 32, 8, 28, 28), (16, 112, 112), ("channels_first", 32, (8, 28, 28), 0)),
        ((1, 32, 100), (400,), ("channels_first", 32, (100,), 0)),
    ],
)
def test_inputs_of_any_proportions_and_number_of_axes_are_understood(shape, space, layout):
    assert next(readings(shape, space, ((10, 14),)), NOTHING) == layout

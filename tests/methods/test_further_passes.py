"""Methods that query the model again: second derivatives, other input sizes, layers that run more than once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.methods import nets, vits
from wsol.errors import ModelError
from wsol.methods._base import methods
from wsol.methods._common.sizes import pass_at
from wsol.methods._features import LayerFeatures
from wsol.models.forward import capture
from wsol.models.scores import target_logit
from wsol.testing import layer_features

TARGETS = (0, 3, 4)


def rest(logits: Tensor, targets: Tensor) -> Tensor:
    """ShapleyCAM's score: y + log p."""
    return target_logit(logits, targets) + target_logit(logits.log_softmax(1), targets)


def curved_by_hand(features: LayerFeatures, step: float = 1e-4) -> Tensor:
    """H A by central differences: the gradient at A (1 + step) and A (1 - step)."""
    grid = features.query.grids.get(features.name)
    found = []
    for factor in (1 + step, 1 - step):

        def scaled(module: nn.Module, args: object, output: Tensor, factor: float = factor) -> Tensor:
            return output * factor if grid is None else grid.fold(grid.unfold(output) * factor, output)

        handle = features.query.module.get_submodule(features.name).register_forward_hook(scaled)
        with capture(features.query.module, [features.name], grids=features.query.grids) as forward:
            found.append(forward(features.images, features.targets, score=rest).gradients[features.name])
        handle.remove()
    return (found[0] - found[1]) / (2 * step)


@pytest.mark.parametrize(("net", "layer"), [("torchvision", "encoder.layers.encoder_layer_1"), ("timm", "blocks.1")])
def test_shapleycams_hessian_goes_through_tokens(net: str, layer: str) -> None:
    features = vits.one_layer(vits.make_vit(net), vits.make_images(), TARGETS, layer)
    first = features.query.forward_backward(features.images, features.targets, [layer], score=rest).gradients[layer]
    curved = curved_by_hand(features)
    assert curved.abs().max() > 1e-3 * first.abs().max()
    weights = (first - curved / 2).mean((2, 3))
    found = methods["shapleycam"]()._weights(features).mean((2, 3))
    torch.testing.assert_close(found, weights, rtol=1e-5, atol=1e-6 * float(weights.abs().max()))


def test_shapleycams_hessian_survives_half_precision() -> None:
    net, images = nets.make_net(nets.TinyVGG, dtype=torch.float32), nets.make_images(dtype=torch.float32)
    method = methods["shapleycam"](score="logprob")

    def curved() -> Tensor:
        features = layer_features(net, images, TARGETS, ["features.7"])[0]
        gradient = features.query.forward_backward(
            features.images, features.targets, [features.name], score=lambda y, t: target_logit(y.log_softmax(1), t)
        ).gradients[features.name]
        return gradient.mean((2, 3)) - method._weights(features).mean((2, 3))

    exact = curved()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = curved()
    assert exact.abs().max() > 0
    assert (rounded - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize("key", ["tta", "cameras"])
def test_networks_of_one_input_size_are_refused_in_a_sentence(key: str) -> None:
    features = vits.one_layer(
        vits.make_vit("torchvision"), vits.make_images(), TARGETS, "encoder.layers.encoder_layer_1"
    )
    with pytest.raises(ModelError, match="needs images of other sizes, which the network refuses: Wrong image"):
        methods[key]()(features)


def test_a_pass_at_a_larger_size_takes_fewer_images_at_a_time() -> None:
    images = nets.make_images()
    features = nets.one_layer(nets.make_net(nets.TinyGAP), images, TARGETS, "block")
    large = torch.nn.functional.interpolate(images, scale_factor=2.0)
    sizes: list[int] = []
    handle = features.query.module.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    apart = pass_at(features, large)
    handle.remove()
    assert sizes == [1, 1, 1]
    together = features.query.forward_backward(large, features.targets, ["block"])
    torch.testing.assert_close(apart.activations["block"], together.activations["block"])
    torch.testing.assert_close(apart.gradients["block"], together.gradients["block"])


class Shared(nn.Module):
    """One ReLU for two layers of different width, as ResNet's bottleneck has it."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.relu = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        deep: Tensor = self.relu(self.two(self.relu(self.one(x))))
        return self.fc(deep.mean((2, 3)).tanh())


def test_a_layer_that_runs_twice_is_ablated_where_it_was_seen() -> None:
    torch.manual_seed(0)
    net = Shared().double().eval()
    images = torch.rand(2, 3, 12, 12, dtype=torch.float64)
    features = nets.one_layer(net, images, (0, 1), "relu")
    own = net(images).gather(1, features.targets[:, None])[:, 0]
    by_hand = torch.zeros(2, 6, dtype=torch.float64)
    for k in range(6):
        gone = features.activations.clone()
        gone[:, k] = 0
        y = net.fc(gone.mean((2, 3)).tanh()).gather(1, features.targets[:, None])[:, 0]
        by_hand[:, k] = (own - y) / own
    expected = (by_hand[:, :, None, None] * features.activations).sum(1).relu()
    torch.testing.assert_close(methods["ablationcam"]()(features), expected)


def test_the_top_channels_take_their_scores_from_the_full_sweep() -> None:
    features = nets.one_layer(nets.make_net(nets.TinyVGG), nets.make_images(), TARGETS, "features.7")
    alone = methods["scorecam"](top_n=2)(nets.one_layer(features.query.module, features.images, TARGETS, "features.7"))
    methods["scorecam"]()(features)
    before, runs = features.query.cost, list[int]()
    handle = features.query.module.register_forward_pre_hook(lambda module, args: runs.append(1))
    shared = methods["scorecam"](top_n=2)(features)
    handle.remove()
    torch.testing.assert_close(shared, alone)
    assert runs == []
    assert (features.query.cost - before).forwards == 2 * len(TARGETS)  # charged as if it ran alone

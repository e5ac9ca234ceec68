"""Methods that ask again: second derivatives, other input sizes, layers that run more than once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.methods import nets, vits
from wsol.capture import capture, target_logit
from wsol.contract import look_at
from wsol.errors import ModelError
from wsol.methods.base import Seen, methods
from wsol.methods.sizes import look_at as look_at_size

TARGETS = (0, 3, 4)


def rest(logits: Tensor, targets: Tensor) -> Tensor:
    """ShapleyCAM's score: y + log p."""
    return target_logit(logits, targets) + target_logit(logits.log_softmax(1), targets)


def curved_by_hand(seen: Seen, step: float = 1e-4) -> Tensor:
    """H A by central differences: the gradient at A (1 + step) and A (1 - step)."""
    grid = seen.ask.grids.get(seen.layer)
    found = []
    for factor in (1 + step, 1 - step):

        def scaled(module: nn.Module, args: object, output: Tensor, factor: float = factor) -> Tensor:
            return output * factor if grid is None else grid.fold(grid.unfold(output) * factor, output)

        handle = seen.ask.module.get_submodule(seen.layer).register_forward_hook(scaled)
        with capture(seen.ask.module, [seen.layer], grids=seen.ask.grids) as look:
            found.append(look(seen.images, seen.targets, score=rest).gradients[seen.layer])
        handle.remove()
    return (found[0] - found[1]) / (2 * step)


@pytest.mark.parametrize(("net", "layer"), [("torchvision", "encoder.layers.encoder_layer_1"), ("timm", "blocks.1")])
def test_shapleycams_hessian_goes_through_tokens(net: str, layer: str) -> None:
    seen = vits.look_once(vits.make_vit(net), vits.make_images(), TARGETS, layer)
    first = seen.ask.look(seen.images, seen.targets, [layer], score=rest).gradients[layer]
    curved = curved_by_hand(seen)
    assert curved.abs().max() > 1e-3 * first.abs().max()
    weights = (first - curved / 2).mean((2, 3))
    found = methods["shapleycam"]()._weights(seen)
    torch.testing.assert_close(found, weights, rtol=1e-5, atol=1e-6 * float(weights.abs().max()))


def test_shapleycams_hessian_survives_half_precision() -> None:
    net, images = nets.make_net(nets.TinyVGG, dtype=torch.float32), nets.make_images(dtype=torch.float32)
    method = methods["shapleycam"](score="logprob")

    def curved() -> Tensor:
        seen = look_at(net, images, TARGETS, ["features.7"])[0]
        gradient = seen.ask.look(
            seen.images, seen.targets, [seen.layer], score=lambda y, t: target_logit(y.log_softmax(1), t)
        ).gradients[seen.layer]
        return gradient.mean((2, 3)) - method._weights(seen)

    exact = curved()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = curved()
    assert exact.abs().max() > 0
    assert (rounded - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize("key", ["tta", "cameras"])
def test_networks_of_one_input_size_are_refused_in_a_sentence(key: str) -> None:
    seen = vits.look_once(vits.make_vit("torchvision"), vits.make_images(), TARGETS, "encoder.layers.encoder_layer_1")
    with pytest.raises(ModelError, match="looks at other sizes of the image, and the network refuses: Wrong image"):
        methods[key]()(seen)


def test_a_look_at_a_larger_size_takes_fewer_images_at_a_time() -> None:
    images = nets.make_images()
    seen = nets.look_once(nets.make_net(nets.TinyGAP), images, TARGETS, "block")
    large = torch.nn.functional.interpolate(images, scale_factor=2.0)
    sizes: list[int] = []
    handle = seen.ask.module.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    apart = look_at_size(seen, large)
    handle.remove()
    assert sizes == [1, 1, 1]
    together = seen.ask.look(large, seen.targets, ["block"])
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
    seen = nets.look_once(net, images, (0, 1), "relu")
    own = net(images).gather(1, seen.targets[:, None])[:, 0]
    by_hand = torch.zeros(2, 6, dtype=torch.float64)
    for k in range(6):
        gone = seen.activations.clone()
        gone[:, k] = 0
        y = net.fc(gone.mean((2, 3)).tanh()).gather(1, seen.targets[:, None])[:, 0]
        by_hand[:, k] = (own - y) / own
    expected = (by_hand[:, :, None, None] * seen.activations).sum(1).relu()
    torch.testing.assert_close(methods["ablationcam"]()(seen), expected)


def test_the_top_channels_take_their_scores_from_the_full_sweep() -> None:
    seen = nets.look_once(nets.make_net(nets.TinyVGG), nets.make_images(), TARGETS, "features.7")
    alone = methods["scorecam"](top_n=2)(nets.look_once(seen.ask.module, seen.images, TARGETS, "features.7"))
    methods["scorecam"]()(seen)
    before, runs = seen.ask.cost, list[int]()
    handle = seen.ask.module.register_forward_pre_hook(lambda module, args: runs.append(1))
    shared = methods["scorecam"](top_n=2)(seen)
    handle.remove()
    torch.testing.assert_close(shared, alone)
    assert runs == []
    assert (seen.ask.cost - before).forwards == 2 * len(TARGETS)  # charged as if it ran alone

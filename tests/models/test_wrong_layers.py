"""Networks of which a shape alone tells the wrong layer, or a layer has no one map: each is mended or refused."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
import torchvision
from PIL import Image
from torch import Tensor, nn

import wsol
from tests.models.conftest import wrap
from wsol.errors import LayerError, ModelError
from wsol.models.forward import capture
from wsol.models.outline import outline
from wsol.models.query import ModelQuery
from wsol.models.stages import list_layers, resolve_layer, stages
from wsol.models.tokens import Grids

SIDE = 64


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def wrapped(module: nn.Module, side: int = SIDE) -> Any:
    return wrap(module, input_size=side, num_classes=5)


class Block(nn.Module):
    """Pre-norm attention, its probabilities through a module, and an MLP."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.norm, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.softmax, self.mlp, self.heads = nn.Softmax(-1), nn.Linear(width, width), heads

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attention = self.softmax(q @ k.transpose(-1, -2) / d**0.5)
        x = x + self.proj((attention @ v).transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(x)


class LinearViT(nn.Module):
    """Patches by a reshape and a linear layer, as many write it; `pool` halves the grid of tokens on the way."""

    def __init__(self, *, prefix: int = 1, mean: bool = False, pool: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Linear(3 * 64, 32), nn.Linear(32, 5)
        self.cls = nn.Parameter(torch.randn(1, prefix, 32))
        self.pos = nn.Parameter(0.1 * torch.randn(1, 64, 32))
        self.blocks = nn.ModuleList(Block() for _ in range(6))
        self.mean, self.pool = mean, pool

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.view(b, c, h // 8, 8, w // 8, 8).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w // 64, -1)
        x = torch.cat([self.cls.expand(b, -1, -1), self.embed(x) + self.pos], 1)
        n = self.cls.shape[1]
        for place, block in enumerate(self.blocks):
            if self.pool and place == 3:
                grid = x[:, n:].transpose(1, 2).unflatten(2, (8, 8))
                x = torch.cat([x[:, :n], nn.functional.avg_pool2d(grid, 2).flatten(2).transpose(1, 2)], 1)
            x = block(x)
        return self.head(x[:, n:].mean(1) if self.mean else x[:, 0])


@pytest.mark.parametrize("prefix", [1, 2, 5])
def test_tokens_of_a_linear_patch_embedding_are_a_grid_behind_the_tokens_in_front(prefix: int) -> None:
    net = wrapped(LinearViT(prefix=prefix))
    last = outline(net)[resolve_layer(net, "last")]
    assert (last.layout, last.grid, last.prefix) == ("tokens", (8, 8), prefix)
    assert resolve_layer(net, "last") == "blocks.5.norm"  # patches behind the last attention are not read


def test_attention_of_tokens_to_tokens_is_no_image() -> None:
    net = wrapped(LinearViT())
    assert outline(net)["blocks.2.softmax"].shape == (1, 4, 65, 65)
    assert not any("softmax" in name for name, _, _ in list_layers(net))
    with pytest.raises(LayerError, match="other cells change"):
        resolve_layer(net, "blocks.2.softmax")
    with pytest.raises(LayerError, match="other cells change"):
        wsol.attribute(net, noise(1, 3, SIDE, SIDE), "gradcam", layers="blocks.2.softmax", check=True)


def test_tokens_that_are_pooled_on_the_way_are_the_last_layer() -> None:
    net = wrapped(LinearViT(pool=True, mean=True))
    last = outline(net)[resolve_layer(net, "last")]
    assert (last.name, last.grid, last.prefix) == ("blocks.5", (4, 4), 1)
    assert [outline(net)[name].grid for name in stages(net).values()] == [(8, 8), (4, 4)]


class ChannelsLast(nn.Module):
    """(B, side, side, side) with channels last, between two convolutions; `last` says which the middle has."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.mix = nn.Conv2d(3, 16, 4, 4), nn.Linear(16, 16) if last else nn.Conv2d(16, 16, 1)
        self.head = nn.Linear(16, 5)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.mix(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) if self.last else self.mix(x)
        return self.head(x.relu().mean((2, 3)))


def test_a_cube_has_its_channels_where_the_input_is_not() -> None:
    maps, behind = [], ChannelsLast(True)
    for last in (True, False):
        net = behind if last else ChannelsLast(False)
        if not last:
            net.mix.weight.data = behind.mix.weight.data[..., None, None]
            net.mix.bias.data, net.head = behind.mix.bias.data, behind.head
        assert outline(wrapped(net))["mix"].layout == ("channels_last" if last else "channels_first")
        maps.append(np.asarray(wsol.attribute(net, noise(2, 3, SIDE, SIDE), "gradcam", layers="mix", target=1)))
    assert maps[0].any()
    np.testing.assert_allclose(*maps, rtol=1e-5, atol=1e-7)


@pytest.mark.full
def test_a_swin_at_384_has_its_rows_and_columns() -> None:
    net = wrap(torchvision.models.swin_t(weights=None), input_size=384, num_classes=1000)
    first = outline(net)[stages(net)["stage1"]]
    assert (first.shape, first.layout) == ((1, 96, 96, 96), "channels_last")


class Shuffled(nn.Module):
    """Tokens of a convolution in an order that is not that of rows: units of 4x4 cells, or mirrored."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.units, self.head = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 8), nn.Linear(8, 5)
        rows = torch.arange(64).view(8, 8)
        units = rows.view(2, 4, 2, 4).permute(1, 3, 0, 2)
        self.places = {"units": units, "mirror": rows.flip(1), "rows": rows}[how].flatten()

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.conv(x).flatten(2).transpose(1, 2)[:, self.places]
        return self.head(self.units(tokens).relu().mean(1))


@pytest.mark.parametrize("how", ["units", "mirror"])
def test_tokens_in_another_order_are_refused(how: str) -> None:
    net = wrapped(Shuffled(how))
    with pytest.raises(LayerError, match="tokens are in another order"):
        resolve_layer(net, "units")
    assert resolve_layer(net, "last") == "conv"
    assert resolve_layer(wrapped(Shuffled("rows")), "last") == "units"


class Branched(nn.Module):
    """A trunk of three stages; behind it run a side branch of the first one, and an auxiliary head, not read."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.early = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.side = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU())
        self.aux = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        deep = self.deep(self.middle(early))
        side = self.side(early)
        self.aux(deep)
        return self.head(torch.cat([deep.mean((2, 3)), side.mean((2, 3))], 1))


def test_the_last_layer_is_of_the_trunk_and_not_of_a_branch_or_an_auxiliary_head() -> None:
    assert list(stages(wrapped(Branched())).values()) == ["early", "middle", "deep"]


class Twice(nn.Module):
    """A backbone that sees the image and something else; or one ReLU that is used after each convolution."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1))
        self.relu, self.head = nn.ReLU(), nn.Linear(8, 5)
        self.second = nn.Conv2d(8, 8, 3, 1, 1)
        self.reference = noise(1, 3, SIDE, SIDE)

    def forward(self, x: Tensor) -> Tensor:
        first = self.body(x)
        if self.how == "relu":
            return self.head(self.relu(self.second(self.relu(first))).mean((2, 3)))
        other = {
            "flip": lambda: x.flip(-1),
            "scale": lambda: nn.functional.interpolate(x, scale_factor=0.5),
            "reference": lambda: self.reference.to(x),
        }[self.how]()
        return self.head(first.relu().mean((2, 3)) + self.body(other).relu().mean((2, 3)))


@pytest.mark.parametrize("how", ["flip", "scale", "reference"])
@pytest.mark.parametrize("method", ["gradcam", "eigencam", "scorecam"])
def test_a_layer_that_runs_on_several_inputs_has_no_map(how: str, method: str) -> None:
    with pytest.raises(LayerError, match="runs more than once per image"):
        wsol.attribute(Twice(how), noise(1, 3, SIDE, SIDE), method, layers="body")


class Batched(Twice):
    """A backbone that sees several parts of an image in one batch, or one image of a batch after the other."""

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "mirror":
            return self.head(sum(self.body(torch.cat([x, x.flip(-1)])).relu().mean((2, 3)).chunk(2)))
        if self.how == "patches":
            patches = x.unfold(2, 32, 32).unfold(3, 32, 32).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 32, 32)
            return self.head(self.body(patches).relu().mean((2, 3)).view(len(x), 4, -1).mean(1))
        return torch.cat([self.head(self.body(image[None]).relu().mean((2, 3))) for image in x])


@pytest.mark.parametrize(("how", "maps"), [("mirror", 4), ("patches", 8), ("one by one", 1)])
def test_a_layer_of_more_or_fewer_maps_than_images_is_refused(how: str, maps: int) -> None:
    with pytest.raises(LayerError, match=f"layer 'body' has {maps} maps for 2 images.* no single map"):
        wsol.attribute(Batched(how), noise(2, 3, SIDE, SIDE), "eigencam", layers="body")


@pytest.mark.parametrize("method", ["gradcam", "eigencam"])
def test_a_relu_that_is_used_again_is_its_last_use(method: str) -> None:
    net, images = Twice("relu"), noise(2, 3, SIDE, SIDE)
    again = wsol.attribute(net, images, method, layers="relu", target=1)
    net.relu, first = nn.ReLU(), net.relu
    net.forward = lambda x: net.head(net.relu(net.second(first(net.body(x)))).mean((2, 3)))  # type: ignore[method-assign]
    np.testing.assert_array_equal(again, wsol.attribute(net, images, method, layers="relu", target=1))


class Cut(nn.Module):
    """No gradient at `body.2`, each for another reason."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.deep, self.head = nn.Conv2d(8, 8, 3, 2, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "checkpoint":
            return self.tail(torch.utils.checkpoint.checkpoint(self.body, x, use_reentrant=True))
        if self.how == "detach":
            return self.tail(self.body(x).detach())
        with torch.inference_mode() if self.how == "inference_mode" else torch.no_grad():
            return self.tail(self.body(x))

    def tail(self, x: Tensor) -> Tensor:
        return self.head(self.deep(x).mean((2, 3)))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("how", ["no_grad", "inference_mode", "detach", "checkpoint"])
def test_a_layer_without_a_gradient_is_named_with_methods_that_need_none(how: str) -> None:
    net, images = Cut(how), noise(2, 3, SIDE, SIDE)
    with pytest.raises(LayerError, match=r"gradient.*'?body\.2.*without gradients, such as eigencam|body\.2.*eigencam"):
        wsol.attribute(net, images, "gradcam", layers="body.2")
    assert np.asarray(wsol.attribute(net, images, "eigencam", layers="body.2")).any()


def test_a_fusion_with_a_layer_without_a_gradient_is_refused_and_not_zero() -> None:
    with pytest.raises(LayerError, match=r"no gradient arrives at layer 'body\.2'.*detach.*eigencam"):
        wsol.attribute(Cut("detach"), noise(1, 3, SIDE, SIDE), "layercam", layers=["body.2", "deep"])
    assert resolve_layer(wrapped(Cut("detach")), "last") == "deep"


def test_a_caller_in_inference_mode_gets_the_same_maps_and_layers() -> None:
    net, images = Branched(), noise(2, 3, SIDE, SIDE)
    pictures = [(Image.new("RGB", (40, 30), color), 1, [[1, 2, 13, 14]]) for color in ("red", "blue")]
    with torch.inference_mode():
        maps = wsol.attribute(net, images, "gradcam", target=1)
        inside = wsol.evaluate(net, pictures, "gradcam", "exact", input_size=SIDE)
        made = Branched()
    np.testing.assert_array_equal(maps, wsol.attribute(Branched(), images, "gradcam", target=1))
    outside = wsol.evaluate(Branched(), pictures, "gradcam", "exact", input_size=SIDE)
    timed = ["seconds", "ms", "peak_mb"]
    first, second = (result.rows().drop(columns=timed, errors="ignore") for result in (inside, outside))
    assert "stage3" in first["variant"][0]
    assert first.equals(second)
    with pytest.raises(ModelError, match=r"the weights of Branched were made under torch\.inference_mode"):
        wsol.attribute(made, images, "gradcam")


Pair = namedtuple("Pair", ["size", "map"])


@dataclass(frozen=True)
class Held:
    size: int
    map: Tensor


class Returns(nn.Module):
    """A stage that returns its map in a namedtuple, a dict, a list in a dict, a dataclass."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stage, self.head = Stage(how), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        out = self.stage(x)
        while not isinstance(out, Tensor):
            out = out["map"] if isinstance(out, dict) else out.map if isinstance(out, Pair | Held) else out[0]
        return self.head(out.relu().mean((2, 3)))


class Stage(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.conv = how, nn.Conv2d(3, 8, 3, 4, 1)

    def forward(self, x: Tensor) -> Any:
        x = self.conv(x)
        return {
            "plain": x,
            "tuple": (x, 1),
            "named": Pair(8, x),
            "data": Held(8, x),
            "dict": {"map": x},
            "deep": {"n": 1, "map": [x]},
        }[self.how]


@pytest.mark.parametrize("how", ["tuple", "named", "data", "dict", "deep"])
@pytest.mark.parametrize("method", ["gradcam", "ablationcam", "scorecam", "layercam"])
def test_the_tensor_in_what_a_layer_returns_is_the_layer(how: str, method: str) -> None:
    images = noise(2, 3, SIDE, SIDE)
    plain, held = (wsol.attribute(Returns(h), images, method, layers="stage", target=2) for h in ("plain", how))
    np.testing.assert_array_equal(plain, held)
    assert resolve_layer(wrapped(Returns(how)), "stage") == "stage"


class Answers(Branched):
    """The logits in a dataclass, or in an object of the network's own."""

    def __init__(self, how: type) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        return Held(1, logits) if self.how is Held else SimpleNamespace(map=logits)


@pytest.mark.parametrize("how", [Held, SimpleNamespace])
def test_logits_in_an_object_need_a_function_of_it(how: type) -> None:
    images = noise(2, 3, SIDE, SIDE)
    with pytest.raises(ModelError, match=r"returns a \w+; give a function of it .* output\.map\[:, 3\]"):
        wsol.attribute(Answers(how), images, "gradcam")
    given = wsol.attribute(Answers(how), images, "gradcam", layers="deep", output=lambda output, _: output.map)
    np.testing.assert_array_equal(given, wsol.attribute(Branched(), images, "gradcam", layers="deep"))


def test_the_network_runs_on_from_every_last_layer_to_its_own_logits() -> None:
    for net in (LinearViT(), LinearViT(pool=True, mean=True), ChannelsLast(True), Branched(), Returns("deep")):
        made = wrapped(net)
        layer, grids, image = resolve_layer(made, "last"), Grids(made), noise(1, 3, SIDE, SIDE)
        with capture(net, [layer], gradients=False, grids=grids) as forward:
            result = forward(image)
        again = ModelQuery(net, grids=grids).logits_from(layer, result.activations[layer], image[0])
        torch.testing.assert_close(again, result.logits, rtol=1e-5, atol=1e-5)


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="needs torch 2.6")
@pytest.mark.parametrize("layer", ["last", "{}2"])
@pytest.mark.parametrize("method", ["gradcam", "eigencam"])
@pytest.mark.parametrize("how", ["whole", "inside", "method"])
def test_compiled_networks_run_as_they_were_written(how: str, method: str, layer: str) -> None:
    images, expected = noise(1, 3, 32, 32), plain()
    net = plain()
    if how == "method":
        net.compile()
    else:
        net = torch.compile(net)  # type: ignore[assignment]
    made = nn.Sequential(net) if how == "inside" else net
    prefix = "0._orig_mod." if how == "inside" else ""
    given = wsol.attribute(made, images, method, layers=layer.format(prefix), target=1)
    np.testing.assert_array_equal(given, wsol.attribute(expected, images, method, layers=layer.format(""), target=1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("layer", ["last", "2"])
@pytest.mark.parametrize("how", ["script", "trace", "freeze", "export"])
def test_networks_whose_layers_are_hidden_get_one_sentence(how: str, layer: str) -> None:
    images = noise(1, 3, 32, 32)
    make = {
        "script": lambda net: torch.jit.script(net),
        "trace": lambda net: torch.jit.trace(net, images),
        "freeze": lambda net: torch.jit.freeze(torch.jit.script(net)),
        "export": lambda net: torch.export.export(net, (images,)).module(),
    }[how]
    with pytest.raises(ModelError, match="its layers can't be seen; give the network it was made from"):
        wsol.attribute(make(plain()), images, "gradcam", layers=layer)
    if how != "export":
        with pytest.raises(LayerError, match=r"scripted|there is no layer"):  # a frozen one has no parts left
            wsol.attribute(nn.Sequential(make(plain())), images, "gradcam", layers=layer.replace("2", "0.2"))


class Unread(nn.Module):
    """The layer `body` is multiplied by zero: a gradient arrives, and it is zero."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = nn.Conv2d(3, 8, 3, 4, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(0 * self.body(x).mean((2, 3)))


def test_maps_that_are_all_zero_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    wsol.attribute(Unread(), noise(2, 3, SIDE, SIDE), "gradcam", layers="body", target=1)
    assert "all 2 maps are zero everywhere" in caplog.text
    caplog.clear()
    images = [Image.new("RGB", (40, 30), color) for color in ("red", "blue", "green")]
    data = [(image, 1, [[1, 2, 13, 14]]) for image in images]
    wsol.evaluate(Unread(), data, ["gradcam", "eigencam"], ["exact"], layers="body", input_size=SIDE)
    lines = [record.getMessage() for record in caplog.records if "zero everywhere" in record.getMessage()]
    assert len(lines) == 1
    assert lines[0].startswith("gradcam@body: the first 3 maps")

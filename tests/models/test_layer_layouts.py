"""The last layer and the stages where a shape alone names the wrong ones, or the wrong axes of the right ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

import wsol
from tests.models.conftest import wrap
from tests.models.odd_networks import SIDE, Branched, ChannelsLast, LinearViT, noise, wrapped
from wsol.errors import LayerError
from wsol.models.outline import outline
from wsol.models.stages import list_layers, resolve_layer, stages


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


def test_the_last_layer_is_of_the_trunk_and_not_of_a_branch_or_an_auxiliary_head() -> None:
    assert list(stages(wrapped(Branched())).values()) == ["early", "middle", "deep"]

"""Queries fill chunks, pad to sizes that were run before, and give what one image at a time gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from tests.methods.nets import TinyGAP, TinyVGG, make_images, make_net
from wsol.models.forward import INPUT
from wsol.models.query import ModelQuery, padded
from wsol.models.scores import target_logit

TARGETS = torch.tensor([1, 3, 0, 2, 4, 1, 0])


@pytest.fixture
def net() -> nn.Module:
    return make_net(TinyGAP)


@pytest.fixture
def sizes(net: nn.Module) -> Iterator[list[int]]:
    """Batch sizes that the network runs."""
    ran: list[int] = []
    handle = net.register_forward_pre_hook(lambda _, args: ran.append(len(args[0])))
    yield ran
    handle.remove()


@pytest.mark.parametrize(
    ("lengths", "chunk", "expected"),
    [([10], 4, [4, 4, 2]), ([3, 3, 3], 4, [4, 4, 1]), ([1] * 8, 4, [4, 4]), ([9, 0, 1], 5, [5, 5]), ([], 4, [])],
)
def test_blocks_of_any_length_run_in_full_chunks(
    net: nn.Module, sizes: list[int], lengths: list[int], chunk: int, expected: list[int]
) -> None:
    images = make_images(sum(lengths))
    query = ModelQuery(net, chunk=chunk)
    found = list(query.stream(torch.split(images, lengths) if lengths else []))
    assert sizes == expected
    assert [part.stop - part.start for part, _ in found] == expected
    assert query.cost.forwards == sum(lengths)
    for part, logits in found:
        torch.testing.assert_close(logits, ModelQuery(net).logits(images[part]), rtol=1e-12, atol=1e-12)


def test_a_stream_takes_no_more_blocks_than_a_chunk_holds(net: nn.Module) -> None:
    taken: list[int] = []

    def blocks() -> Iterator[Tensor]:
        for number, image in enumerate(make_images(9)):
            taken.append(number)
            yield image[None]

    next(ModelQuery(net, chunk=4).stream(blocks()))
    assert taken == [0, 1, 2, 3]


def test_a_batch_is_padded_to_the_smallest_size_that_holds_it() -> None:
    sizes = {4, 8}
    images = make_images(3)
    more, n = padded(images, sizes)
    assert n == 3
    assert torch.equal(more, torch.cat([images, images[-1:]]))
    assert padded(make_images(5), sizes)[0].shape[0] == 8
    assert padded(make_images(8), sizes)[0].shape[0] == 8
    assert sizes == {4, 8}
    assert padded(make_images(9), sizes)[0].shape[0] == 9
    assert sizes == {4, 8, 9}


def test_padding_runs_known_sizes_only_changes_nothing_and_costs_nothing(net: nn.Module, sizes: list[int]) -> None:
    images = make_images(7)
    plain, query = ModelQuery(net, chunk=4, pad=False), ModelQuery(net, chunk=4, pad=True)
    expected = plain.logits(images)
    assert sizes == [4, 3]
    sizes.clear()
    torch.testing.assert_close(query.logits(images), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(query.logits(images[:2]), expected[:2], rtol=1e-12, atol=1e-12)
    assert sizes == [4, 4, 4]
    assert query.cost.forwards == 9


def test_sizes_are_remembered_by_input_shape_and_dtype(net: nn.Module, sizes: list[int]) -> None:
    query = ModelQuery(net, chunk=4, pad=True)
    query.logits(make_images(4))
    query.logits(make_images(2, side=40))
    assert sizes == [4, 2]


def test_a_cpu_does_not_pad_unless_told_to(net: nn.Module, sizes: list[int]) -> None:
    query = ModelQuery(net, chunk=4)
    query.logits(make_images(6))
    assert sizes == [4, 2]


@pytest.mark.parametrize("layer", ["block", "stem", INPUT])
def test_partial_forwards_are_padded_too(net: nn.Module, layer: str) -> None:
    image = make_images(1)
    whole = ModelQuery(net).forward_backward(image, TARGETS[:1], [layer]).activations[layer]
    changed = torch.cat([whole * scale for scale in torch.linspace(0, 1, 6)])
    padding, plain = ModelQuery(net, chunk=4, pad=True), ModelQuery(net, chunk=4, pad=False)
    found, expected = (query.logits_from(layer, changed, image[0]) for query in (padding, plain))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert padding.cost == plain.cost


@pytest.mark.parametrize("cls", [TinyGAP, TinyVGG])
def test_a_padded_pass_gives_the_gradients_of_its_own_images(cls: type[nn.Module]) -> None:
    module, images = make_net(cls), make_images(7)
    query, own = ModelQuery(module, pad=True), torch.linspace(1, 2, 3, dtype=torch.float64)
    query.forward_backward(images, TARGETS, [INPUT])
    ran: list[int] = []
    handle = module.register_forward_pre_hook(lambda _, args: ran.append(len(args[0])))

    def score(logits: Tensor, targets: Tensor) -> Tensor:
        return own * target_logit(logits, targets)  # a score that knows the three images by their number

    found = query.forward_backward(images[:3], TARGETS[:3], [INPUT], score=score)
    handle.remove()
    expected = ModelQuery(module, pad=False).forward_backward(images[:3], TARGETS[:3], [INPUT], score=score)
    assert ran == [7]
    assert len(found.logits) == len(found.activations[INPUT]) == 3
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.gradients[INPUT], expected.gradients[INPUT], rtol=1e-12, atol=1e-12)
    assert query.cost.backwards == 10

"""What methods of transformers share: the tokens that the head reads, the grid of the patches, passes in parts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from wsol.errors import LayerError
from wsol.methods._features import LayerFeatures
from wsol.models.attention import INSTEAD, Attention, capture_attention
from wsol.models.cost import Cost
from wsol.models.network import noise, zeros_filled

PART_BYTES = 2**30  # attention and its gradients held at a time; ViT-B/16 has 44 MB an image at 224 pixels


@dataclass(frozen=True, slots=True)
class Tokens:
    """The T tokens of a transformer.

    Attributes
    ----------
    prefix : tokens in front of the patches: class, distillation, registers.
    side : rows and columns of the patches.
    readers : (T,) float64 weights, sum 1, equal over the tokens that the head reads: the class token; class and
        distillation token; or, in a network that pools, all patches.
    image_bytes : of all probabilities of one image.
    """

    prefix: int
    side: int
    readers: Tensor
    image_bytes: int

    def to_map(self, row: Tensor) -> Tensor:
        """(B, T) to (B, side, side)."""
        return row[:, self.prefix :].reshape(len(row), self.side, self.side)


_known: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], Tokens]] = WeakKeyDictionary()


def tokens_of(layer: LayerFeatures) -> Tokens:
    """The tokens of the network for inputs of this size, from one pass over noise that is kept as long as the network.

    Raises
    ------
    LayerError : no attention, or tokens that are no square grid.
    """
    known = _known.setdefault(layer.query.module, {})
    size = tuple(layer.images.shape[1:])
    if size not in known:
        known[size] = _probe(layer)
    return known[size]


def row_map(layer: LayerFeatures, row: Callable[[Attention, Tensor], Tensor], *, gradients: bool) -> Tensor:
    """(B, side, side): the patches' part of `row`, a function from attention and readers (T,) to (B, T).

    One pass serves all methods that want the same where its attention fits in `PART_BYTES`.
    """
    tokens = tokens_of(layer)
    readers = tokens.readers
    maps = []
    for part in parts(layer, gradients=gradients):

        def run(part: slice = part) -> Attention:
            return attention_pass(layer, part, gradients=gradients)

        whole = part.stop - part.start == len(layer.images)
        attention = layer.once(("attention", gradients), run) if whole else run()
        last = attention.probabilities[-1]
        with torch.autocast(last.device.type, enabled=False):  # products of ten layers, at the precision they came in
            maps.append(tokens.to_map(row(attention, readers.to(last))))
    return torch.cat(maps)


def parts(layer: LayerFeatures, *, gradients: bool) -> Iterator[slice]:
    """The batch in slices whose attention fits in `PART_BYTES`."""
    one = tokens_of(layer).image_bytes * (2 if gradients else 1)
    size = max(1, min(layer.query.chunk, PART_BYTES // one))
    for start in range(0, len(layer.images), size):
        yield slice(start, min(start + size, len(layer.images)))


def attention_pass(layer: LayerFeatures, part: slice, *, gradients: bool) -> Attention:
    """One forward, and one backward for the gradients, over a slice of the batch."""
    images, targets = layer.images[part], layer.targets[part]
    layer.query.cost += Cost(forwards=len(images), backwards=len(images) if gradients else 0)
    with capture_attention(layer.query.module, gradients=gradients) as forward:
        return forward(images, targets)


def _probe(layer: LayerFeatures) -> Tokens:
    module = layer.query.module
    image, filled = noise(module, (1, *layer.images.shape[1:])), zeros_filled(module)
    with capture_attention(module) as forward:
        forward.run = lambda x: torch.func.functional_call(module, filled, (x,))
        probed = forward(image, torch.zeros(1, dtype=torch.long), score=lambda logits, _: logits.square().sum(1))
    name, last = probed.names[-1], probed.probabilities[-1]
    grid = layer.query.grids.get(name)
    count = last.shape[-1] - (grid.prefix if grid is not None else 0)
    if grid is None or grid.layout != "tokens" or isqrt(count) ** 2 != count:
        raise LayerError(f"the {last.shape[-1]} tokens of {name!r} are no square grid of patches; {INSTEAD}")
    # What a query gathers goes to its own token alone, so a query that the head does not read has no gradient.
    read = probed.gradients[-1][0].flatten(2).abs().amax((0, 2)).ne(0).double()
    size = sum(p.numel() * p.element_size() for p in probed.probabilities)
    return Tokens(grid.prefix, isqrt(count), read / read.sum(), size)

"""Query the model again: more forwards, partial forwards or backwards, in chunks, counted.

Methods that mask, ablate, smooth or optimize get a `ModelQuery`; they never see hooks, devices or memory limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal

import torch

from wsol.models.cost import Cost
from wsol.models.forward import INPUT, ForwardPass, capture, wide
from wsol.models.memory import Fitting, out_of_memory
from wsol.models.network import evaluating, first_of, with_first
from wsol.models.scores import class_probabilities, target_logit
from wsol.models.tokens import grid_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from wsol.models.scores import Score
    from wsol.models.tokens import Grid

Compile = Literal["none", "default", "graphs"]


def half_precision(name: str) -> torch.dtype | None:
    """What ``bfloat16`` and ``float16`` name; None for the wider types, which need no autocast."""
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(name)


class ModelQuery:
    """Further forward and backward passes of a network, counted: at most `chunk` images at a time without gradients.

    A batch size that a GPU has not run before costs seconds of planning, so a batch that is not full is padded to a
    size that was run before, where there is one; costs count the images that were given. Nothing waits for the device.
    Where a chunk does not fit into memory, it is halved, for all further ones too.

    Attributes
    ----------
    module : the network itself; only for methods that change its backward rules.
    grids : by layer, how tokens become a grid (transformers).
    chunk : images at a time; autocast : the half precision of the run, as the shared pass had it, or None.
    pad : whether to pad; None pads on a GPU, where it pays, and for compiled code, which is made for one size.
    compile : forwards through the whole network by `torch.compile`; ``graphs`` replays them as CUDA graphs.
    black : by channel, what the network receives for a black pixel; None where its normalization is not known.
    timed : whether times are being measured, so that a device is waited for.
    cost : what has been spent so far; `seconds` counts only work that was taken over from another variant.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        grids: Mapping[str, Grid] | None = None,
        chunk: int = 64,
        autocast: torch.dtype | None = None,
        pad: bool | None = None,
        compile: Compile = "none",  # noqa: A002
        black: Sequence[float] | None = None,
    ) -> None:
        self.module = module
        self.grids = {} if grids is None else grids
        self.chunk = chunk
        self.autocast = autocast
        self.pad = pad
        self.compile = compile
        self.black = black
        self.timed = False
        self.cost = Cost()
        self._sizes: dict[object, set[int]] = defaultdict(set)
        self._fitting = Fitting()
        self._whole: Any = None  # the network as it is called, compiled or not
        self._concatenated: set[str] = set()  # layers past which one image's outputs don't broadcast

    def logits(self, images: Tensor) -> Tensor:
        """(N, 3, h, w) to (N, C), no graph, no hooks."""
        return torch.cat([self._forward(part) for part in torch.split(images, self.chunk)])

    def probabilities(self, images: Tensor) -> Tensor:
        """(N, 3, h, w) to (N, C) probabilities."""
        return class_probabilities(self.logits(images))

    def stream(self, blocks: Iterable[Tensor]) -> Iterator[tuple[slice, Tensor]]:
        """Logits (n, C) of images that come in blocks of any length, in full chunks, and which of all images they are.

        Blocks are taken one by one, so that only a chunk of images is held.
        """
        done = 0
        for images in _full_chunks(blocks, self.chunk):
            yield slice(done, done + len(images)), self._forward(images)
            done += len(images)

    def parts(self, count: int) -> Iterator[slice]:
        """0..count in slices of one chunk: what blocks for `stream` are made by."""
        step = self.chunk
        return (slice(start, min(start + step, count)) for start in range(0, count, step))

    def logits_from(self, layer: str, activations: Tensor, image: Tensor) -> Tensor:
        """Logits (N, C) of the network run on from `layer` with N outputs (N, K, H, W) in its place; image (3, h, w).

        The part before the layer runs once per chunk, for a single image, and counts once, whatever the chunk; what
        bypasses the layer (a residual branch) broadcasts. Networks that concatenate past the layer (DenseNet) run the
        front for every copy, from the first chunk in which that shows.
        """
        return torch.cat([logits for _, logits in self.stream_from(layer, [activations], image)])

    def stream_from(self, layer: str, blocks: Iterable[Tensor], image: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """As `logits_from`, of activations that come in blocks, so that only one is held; see `stream`."""
        if layer == INPUT:
            yield from self.stream(blocks)
            return
        done = 0
        for some in (some for block in blocks for some in torch.split(block, self.chunk)):
            parts = self._in_parts(layer, some, lambda part: self._from(layer, part, image))
            if not done and layer not in self._concatenated:
                self.cost += Cost(forwards=1)
            yield slice(done, done + len(some)), parts[0] if len(parts) == 1 else torch.cat(parts)
            done += len(some)

    def _from(self, layer: str, some: Tensor, image: Tensor) -> Tensor:
        """One chunk of `logits_from`."""
        module = self.module.get_submodule(layer)
        part, n = self._padded(some, layer)
        with torch.no_grad(), evaluating(self.module), self._precision(image):
            if layer not in self._concatenated:
                try:
                    logits = self._run_replaced(module, layer, part, image[None])[:n]
                    self.cost += Cost(partial_forwards=n)
                    return logits
                except RuntimeError as error:
                    if len(part) == 1 or out_of_memory(error):
                        raise
                    self._concatenated.add(layer)
            copies = image.expand(len(part), *image.shape)
            logits = self._run_replaced(module, layer, part, copies)[:n]
            self.cost += Cost(forwards=n, partial_forwards=n)
            return logits

    def forward_backward(
        self,
        images: Tensor,
        targets: Tensor,
        layers: Sequence[str],
        *,
        score: Score = target_logit,
        create_graph: bool = False,
        grids: Mapping[str, Grid] | None = None,
        strict: bool = True,
    ) -> ForwardPass:
        """One more forward and backward over a batch of images, for activations and gradients of `layers`.

        Keywords as in `wsol.models.forward`; `grids` replace the network's own.
        """
        n = len(images)
        self.cost += Cost(forwards=n, backwards=n)
        if not create_graph:  # roots can't be cut
            images, _ = self._padded(images, "backward")
            targets, _ = padded(targets, {len(images)})
        with capture(self.module, layers, grids=self.grids if grids is None else grids, strict=strict) as forward:
            # A score may know the batch's own images by their number, and those that pad it have no gradient.
            result = forward(images, targets, score=lambda y, t: score(y[:n], t[:n]), create_graph=create_graph)
        return result if len(images) == n else result[:n]

    def activations(self, images: Tensor, layer: str) -> Tensor:
        """(N, K, H, W) of a layer, from one more forward over all images at once; nothing is padded."""
        self.cost += Cost(forwards=len(images))
        with self._precision(images), capture(self.module, [layer], gradients=False, grids=self.grids) as forward:
            return forward(images).activations[layer]

    def activations_again(self, images: Tensor, layer: str) -> Tensor:
        """As `activations`, where the shared pass had them, too, in another batch. Not counted: costs are those of a
        variant that runs alone, and then the shared pass is its own.
        """
        cost = self.cost
        try:
            return self.activations(images, layer)
        finally:
            self.cost = cost

    def _forward(self, images: Tensor) -> Tensor:
        """One chunk, in parts where it does not fit into memory."""
        self.cost += Cost(forwards=len(images))
        parts = self._in_parts(("forward", images.shape[1:]), images, self._run)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _in_parts(self, kind: object, batch: Tensor, work: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """`work` on a batch, whole or in parts that fit into memory."""
        return self._fitting.run(kind, range(len(batch)), lambda at: work(batch[at[0] : at[-1] + 1]))

    def _run(self, images: Tensor) -> Tensor:
        images, n = self._padded(images, "forward")
        with torch.no_grad(), evaluating(self.module), self._precision(images):
            return wide(self._network()(images))[:n]

    def _network(self) -> Any:
        """What whole forwards call: the network, or its compiled form, made when it is first called."""
        if self._whole is None:
            mode = {"default": None, "graphs": "reduce-overhead"}
            self._whole = self.module
            if self.compile != "none":
                self._whole = torch.compile(self.module, dynamic=False, mode=mode[self.compile])
        return self._whole

    def _padded(self, images: Tensor, kind: str) -> tuple[Tensor, int]:
        wanted = images.is_cuda or (self.compile != "none" and kind == "forward")
        if not (wanted if self.pad is None else self.pad):
            return images, len(images)
        sizes = self._sizes[kind, images.shape[1:], images.dtype]
        most = self._fitting.most.get((kind, images.shape[1:]) if kind == "forward" else kind)
        sizes -= {size for size in sizes if most is not None and size > most}
        return padded(images, sizes)

    def _precision(self, images: Tensor) -> AbstractContextManager[object]:
        """Half precision where the run has it; metrics query from outside the shared pass's own autocast."""
        return nullcontext() if self.autocast is None else torch.autocast(images.device.type, self.autocast)

    def _run_replaced(self, module: nn.Module, layer: str, activations: Tensor, images: Tensor) -> Tensor:
        space = tuple(images.shape[2:])

        def replace(module: nn.Module, args: object, output: Any) -> Any:
            first = first_of(output)
            grid = grid_of(self.grids, layer, first, space)
            shaped = first if grid is None else grid.unfold(first)
            if shaped.shape[1:] != activations.shape[1:]:
                return output  # a module that runs several times: what was captured is of another run, the last
            # A copy: an in-place ReLU behind the layer would overwrite the caller's tensor.
            given = activations.to(first.dtype, copy=True)
            given = given if grid is None else grid.fold(given, first)
            return with_first(output, given)

        handle = module.register_forward_hook(replace)
        try:
            logits: Tensor = self.module(images)
        finally:
            handle.remove()
        if len(logits) != len(activations):
            raise RuntimeError(f"layer {layer!r} was bypassed: {len(logits)} outputs for {len(activations)} inputs")
        return wide(logits)


def padded(images: Tensor, sizes: set[int]) -> tuple[Tensor, int]:
    """A batch with its last image repeated, up to the smallest of `sizes` that holds it, and its own length.

    Where no size does, the batch stays as it is, and its length joins `sizes`.
    """
    n = len(images)
    size = min((size for size in sizes if size >= n), default=n)
    sizes.add(size)
    return (torch.cat([images, images[-1:].expand(size - n, *images.shape[1:])]) if size > n else images), n


def _full_chunks(blocks: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    held: list[Tensor] = []
    missing = size
    for block in blocks:
        while len(block) >= missing:
            yield torch.cat([*held, block[:missing]]) if held else block[:missing]
            held, block, missing = [], block[missing:], size
        if len(block):
            held.append(block)
            missing -= len(block)
    if held:
        yield torch.cat(held) if len(held) > 1 else held[0]

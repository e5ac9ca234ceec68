"""Query the model again: more forwards, partial forwards or backwards, in chunks, counted.

Methods that mask, ablate, smooth or optimise get a `ModelQuery`; they never see hooks, devices or memory limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from wsol.models.cost import Cost
from wsol.models.forward import INPUT, ForwardPass, capture, evaluating, target_logit, wide

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from wsol.models.forward import Score
    from wsol.models.grids import Grid


class ModelQuery:
    """Further forward and backward passes of a network, counted: at most `chunk` images at a time without gradients.

    Attributes
    ----------
    module : the network itself; only for methods that change its backward rules.
    grids : by layer, how tokens become a grid (transformers).
    chunk : images at a time; autocast : run in bfloat16, as the shared pass did.
    cost : what has been spent so far; `seconds` counts only work that was taken over from another variant.
    """

    def __init__(
        self, module: nn.Module, *, grids: Mapping[str, Grid] | None = None, chunk: int = 64, autocast: bool = False
    ) -> None:
        self.module = module
        self.grids = grids or {}
        self.chunk = chunk
        self.autocast = autocast
        self.cost = Cost()

    def logits(self, images: Tensor) -> Tensor:
        """(N, 3, h, w) to (N, C), no graph, no hooks."""
        self.cost += Cost(forwards=len(images))
        with torch.no_grad(), evaluating(self.module), self._precision(images):
            return torch.cat([wide(self.module(part)) for part in torch.split(images, self.chunk)])

    def probabilities(self, images: Tensor) -> Tensor:
        """(N, 3, h, w) to (N, C) softmax outputs."""
        return self.logits(images).softmax(1)

    def masked_logits(self, image: Tensor, masks: Tensor, baseline: Tensor | None = None) -> Tensor:
        """Logits (N, C) of one image (3, h, w) under N masks (N, h, w) in [0, 1]: x * m + baseline * (1 - m).

        The masked images exist one chunk at a time, so N may be thousands.
        """
        logits = []
        for part in torch.split(masks, self.chunk):
            masked = image * part[:, None]
            if baseline is not None:
                masked = masked + baseline * (1 - part[:, None])
            logits.append(self.logits(masked))
        return torch.cat(logits)

    def logits_from(self, layer: str, activations: Tensor, image: Tensor) -> Tensor:
        """Logits (N, C) of the network run on from `layer` with N outputs (N, K, H, W) in its place; image (3, h, w).

        The part before the layer runs once a chunk, for a single image; what bypasses the layer (a residual branch)
        broadcasts. Networks that concatenate past the layer (DenseNet) run the front for every copy.
        """
        if layer == INPUT:
            return self.logits(activations)
        module = self.module.get_submodule(layer)
        logits = []
        for part in torch.split(activations, self.chunk):
            self.cost += Cost(partial_forwards=len(part))
            with torch.no_grad(), evaluating(self.module), self._precision(image):
                try:
                    logits.append(self._run_replaced(module, layer, part, image[None]))
                    self.cost += Cost(forwards=1)
                except RuntimeError as error:
                    if len(part) == 1 or isinstance(error, torch.cuda.OutOfMemoryError):
                        raise
                    logits.append(self._run_replaced(module, layer, part, image.expand(len(part), *image.shape)))
                    self.cost += Cost(forwards=len(part))
        return torch.cat(logits)

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
        self.cost += Cost(forwards=len(images), backwards=len(images))
        with capture(self.module, layers, grids=self.grids if grids is None else grids, strict=strict) as forward:
            return forward(images, targets, score=score, create_graph=create_graph)

    def _precision(self, images: Tensor) -> AbstractContextManager[object]:
        """bfloat16 where the run has it; metrics query from outside the shared pass's own autocast."""
        return torch.autocast(images.device.type, torch.bfloat16) if self.autocast else nullcontext()

    def _run_replaced(self, module: nn.Module, layer: str, activations: Tensor, images: Tensor) -> Tensor:
        grid = self.grids.get(layer)

        def replace(module: nn.Module, args: object, output: Any) -> Any:
            first = output[0] if isinstance(output, tuple | list) else output
            shaped = first if grid is None else grid.unfold(first)
            if shaped.shape[1:] != activations.shape[1:]:
                return output  # a module that runs several times: what was captured is of another run, the last
            # A copy: an in-place ReLU behind the layer would overwrite the caller's tensor.
            given = activations.to(first.dtype, copy=True)
            given = given if grid is None else grid.fold(given, first)
            return type(output)((given, *output[1:])) if isinstance(output, tuple | list) else given

        handle = module.register_forward_hook(replace)
        try:
            logits: Tensor = self.module(images)
        finally:
            handle.remove()
        if len(logits) != len(activations):
            raise RuntimeError(f"layer {layer!r} was bypassed: {len(logits)} outputs for {len(activations)} inputs")
        return wide(logits)

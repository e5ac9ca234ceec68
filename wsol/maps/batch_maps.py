"""What a batch gave, on its way from the device."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from wsol.maps.cost import VariantCost


class BatchMaps:
    """What n network inputs gave, as arrays: from a device in one copy, waited for when it is first asked for.

    Attributes
    ----------
    failures : by (variant id, place in the batch), the first line of what went wrong.
    costs : by variant id, per image.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        failures: Mapping[tuple[str, int], str],
        costs: Mapping[str, VariantCost],
    ) -> None:
        self.failures = failures
        self.costs = costs
        self._shapes = {name: tensor.shape for name, tensor in tensors.items()}
        self._copied: torch.cuda.Event | None = None
        flat = [tensor.detach().reshape(-1) for tensor in tensors.values()]
        if flat[0].is_cuda:
            whole = torch.cat(flat)
            self._host = torch.empty(whole.shape, dtype=whole.dtype, pin_memory=True)
            self._host.copy_(whole, non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()
        else:
            self._host = torch.cat(flat)

    @property
    def logits(self) -> NDArray[Any]:
        """(n, C)."""
        return self._arrays["logits"]

    def raw(self, variant: str) -> NDArray[Any]:
        """(n, h, w) of a variant's id; images that failed hold NaN."""
        return self._arrays[variant]

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        if self._copied is not None:
            self._copied.synchronize()
        parts = torch.split(self._host, [shape.numel() for shape in self._shapes.values()])
        return {
            name: part.reshape(shape).numpy() for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
        }

"""The same numbers twice: CUDA's fast kernels add in whatever order their threads end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def deterministic() -> Iterator[None]:
    """A block in which equal inputs give equal bits, as far as CUDA has kernels that do; torch warns of others.

    Gradients of convolutions, of bilinear resizing and of indexing otherwise differ in their last bits from call to
    call. The CPU's kernels are deterministic as they are.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    tries, fills = torch.backends.cudnn.benchmark, memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False  # it takes whichever kernel was faster this time
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark, memory.fill_uninitialized_memory = tries, fills

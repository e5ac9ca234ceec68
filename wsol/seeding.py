"""Random numbers from a hash of names: the same in any order, batch, shard, process and machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def hash_of(*names: object) -> bytes:
    """32 bytes, different for different names."""
    return hashlib.sha256("/".join(map(str, names)).encode()).digest()


def numpy_generator(*names: object) -> np.random.Generator:
    """A generator seeded by names such as (run seed, image id, purpose)."""
    return np.random.default_rng(int.from_bytes(hash_of(*names)[:16], "little"))


def torch_generator(*names: object) -> torch.Generator:
    """A CPU generator seeded by names such as (run seed, image id, purpose)."""
    import torch

    return torch.Generator().manual_seed(int.from_bytes(hash_of(*names)[:8], "little") >> 1)

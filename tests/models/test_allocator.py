"""Freed memory that is kept between batches: faults of pages in processes of their own, since settings stay."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from wsol.models.allocator import SETTINGS, _glibc

pytestmark = pytest.mark.skipif(_glibc() is None, reason="the C library is not glibc")

SCRIPT = """
import ctypes, resource
from wsol.models.allocator import freed_memory_kept
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
SIZE, BLOCKS = 24 * 2**20, 4
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        blocks = [libc.malloc(SIZE) for _ in range(BLOCKS)]
        for block in blocks:
            libc.memset(block, 1, SIZE)
        for block in blocks:
            libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4 // 1024
faults()
start, before = resident(), faults()
with freed_memory_kept():
    faults()
    within, held = faults(), resident()
print(before, within, faults(), held - start, resident() - start)
"""


def measured(**settings: str) -> list[int]:
    """Faults before, within and behind the block, and MB held beyond the start within and behind it."""
    env = {name: value for name, value in os.environ.items() if name not in SETTINGS} | settings
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_freed_memory_is_kept_within_the_block_and_given_back_behind_it() -> None:
    before, within, behind, held, left = measured()
    assert before > 100  # four times 96 MB; few where pages are large
    assert within < before / 10
    assert behind > before / 2
    assert held > 70
    assert left < 20


def test_settings_of_the_user_stay() -> None:
    before, within, _, held, _ = measured(MALLOC_TRIM_THRESHOLD_="1000000")
    assert within > before / 2
    assert held < 20

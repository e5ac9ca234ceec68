"""Small sets on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest


def paint(path: Path, size_wh: tuple[int, int], *, mode: str = "RGB") -> None:
    """An image file of random pixels."""
    width, height = size_wh
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).convert(mode).save(path)


def rectangle(path: Path, size_wh: tuple[int, int], box: tuple[int, int, int, int], *, value: int = 255) -> None:
    """A mask file with one half-open box set."""
    mask = np.zeros(size_wh[::-1], np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(mask).save(path)


@pytest.fixture
def images(tmp_path):
    """A folder with a/1.png (8 x 6), a/2.png (10 x 10, grey) and b,c.png (5 x 7)."""
    folder = tmp_path / "images"
    paint(folder / "a" / "1.png", (8, 6))
    paint(folder / "a" / "2.png", (10, 10), mode="L")
    paint(folder / "b,c.png", (5, 7))
    return folder


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """What is remembered of files is in `tmp_path` / wsol-cache, empty at first."""
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "wsol-cache"))


@pytest.fixture
def memory_store(monkeypatch):
    """fsspec's store in memory, empty afterwards; a failed request is tried again at once."""
    from wsol.datasets.stores import file_systems

    fsspec = pytest.importorskip("fsspec", reason="fsspec, the extra cloud, is not installed")
    monkeypatch.setattr(file_systems, "PAUSE", 0.001)
    yield fsspec.filesystem("memory").store
    fsspec.filesystem("memory").store.clear()

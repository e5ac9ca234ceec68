"""Six images to put into a folder, archives or a bucket, and the store that opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.datasets.prepare.archives import drawn
from wsol.datasets.stores.opening import open_store

NAMES = [f"birds/{n}.png" for n in range(4)] + [f"{n}.png" for n in range(4, 6)]
FILES = {name: drawn(seed, "PNG") for seed, name in enumerate(NAMES)}


def store(images: Path | str, tmp_path: Path, *, gb: float = 1.0) -> Any:
    return open_store(images, outside=False, cache=tmp_path / "copies", cache_gb=gb)

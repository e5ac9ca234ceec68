"""Folders and versions of this installation, in a checkout and in a wheel. Imports nothing heavy."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__version__ = "0.5.0"

HERE = Path(__file__).resolve().parent
PACKAGES = (  # whose versions decide numbers
    "torch",
    "torchvision",
    "numpy",
    "opencv-python-headless",
    "numba",
    "pillow",
    "hydra-core",
    "pandas",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """Package to version, without importing it; ``-`` where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # 30 ms that most commands need not wait for

    found = {"python": platform.python_version(), "wsol": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "-"
    return found


def conf_dir() -> Path:
    """The Hydra configuration: the wheel's copy, or the checkout's folder."""
    return _first(HERE / "conf", HERE.parent / "conf")


def benchmarks_dir() -> Path:
    """The published tables as YAML."""
    return _first(HERE / "benchmarks", HERE.parent / "benchmarks")


def cache_dir() -> Path:
    """Where results that can be made again are kept: the variable WSOL_CACHE, or the user's cache folder."""
    given = os.environ.get("WSOL_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wsol"


def _first(*folders: Path) -> Path:
    return next((folder for folder in folders if folder.is_dir()), folders[-1])

"""Versions of what decides numbers, without importing it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "wsol",
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
    """Package to version; ``-`` where it is not installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "-"
    return found

"""Where files of the installation are, in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent


def conf_dir() -> Path:
    """The Hydra configuration: the wheel's copy, or the checkout's folder."""
    return _first(HERE / "conf", HERE.parent / "conf")


def benchmarks_dir() -> Path:
    """The published tables as YAML."""
    return _first(HERE / "benchmarks", HERE.parent / "benchmarks")


def _first(*folders: Path) -> Path:
    return next((folder for folder in folders if folder.is_dir()), folders[-1])

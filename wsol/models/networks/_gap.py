"""What the networks of Choe et al. (CVPR 2020) share."""

from __future__ import annotations

from wsol.errors import ConfigError


def check_grid(name: str, grid: int) -> None:
    """Raises ConfigError where the last map would not have 14 or 28 cells a side at 224 pixels."""
    if grid not in (14, 28):
        raise ConfigError(f"model.grid={grid}: the last map of {name} has 14 or 28 cells a side")

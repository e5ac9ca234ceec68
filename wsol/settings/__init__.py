"""Settings: what can be chosen, how words on a command line choose it, and the plain values they compose to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["compose_settings"]


def compose_settings(overrides: Sequence[str], config: str = "config") -> dict[str, Any]:
    """Overrides such as ``dataset=shapes`` to the plain settings that `wsol.evaluation.build` takes.

    Parameters
    ----------
    config : the file in conf/ that has the defaults: ``config`` of `wsol run`, ``train`` of `wsol train`.
    """
    from wsol.settings.compose import compose_settings as compose  # Hydra comes with it

    return compose(overrides, config)

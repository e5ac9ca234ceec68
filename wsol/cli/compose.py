"""Compose settings as `wsol run` would, for commands that need a dataset or a network but don't run a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wsol.cli import choices
from wsol.environment import conf_dir


def compose_settings(overrides: Sequence[str]) -> dict[str, Any]:
    """Overrides to plain settings; wrong names become WsolErrors with the nearest name."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    choices.store(overrides)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            config = compose("config", overrides=list(overrides))
        plain = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise choices.explained(error, overrides) from error
    assert isinstance(plain, dict)
    return {str(k): v for k, v in plain.items()}

"""What Hydra reads our registries by: a source of configuration in which each component is a file of its group.

``method/layercam`` is read from the class, when somebody chooses it, so nothing is imported that isn't chosen. The
address says which files of the user's own to import first, since a launcher composes in processes of its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from wsol.errors import WsolError
from wsol.grammar import parse
from wsol.settings import choices

SERVED = ("dataset", "model", "method", "protocol", "metric", "view", "engine", "technique")


class RegistrySource(ConfigSource):
    """The components of the package, and of the files and folders that the address names as JSON."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        choices.use(**json.loads(self.path))

    @staticmethod
    def scheme() -> str:
        return "registry"

    def load_config(self, config_path: str) -> ConfigResult:
        group, _, name = config_path.partition("/")
        package = choices.SEVERAL.get(group, group)
        config = OmegaConf.create(choices.content(group, name))
        return ConfigResult(provider=self.provider, path=self.path, config=config, header={"package": package})

    def is_group(self, config_path: str) -> bool:
        return config_path in SERVED

    def is_config(self, config_path: str) -> bool:
        group, _, name = config_path.partition("/")
        if group not in SERVED or not name:
            return False
        try:
            return choices.is_known(group, parse(name).name)
        except WsolError:
            return False

    def available(self) -> bool:
        return True

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return choices.names(config_path) if results_filter is not ObjectType.GROUP else []


def address() -> str:
    """What makes Hydra read from here, as an element of ``hydra.searchpath``."""
    Plugins.instance().register(RegistrySource)
    return f"{RegistrySource.scheme()}://{json.dumps(asdict(choices.sources()), default=str)}"

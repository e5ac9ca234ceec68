"""Where the files of each dataset are looked for on this machine, and whether they are there. Nothing is opened."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wsol.datasets.base import datasets
from wsol.datasets.paths import is_url
from wsol.errors import ConfigError
from wsol.options import MISSING_VALUE
from wsol.settings import choices
from wsol.settings.words import Word


@dataclass(frozen=True, slots=True)
class Places:
    """The files and folders that a choice of a dataset stands for.

    Attributes
    ----------
    there, missing : those that exist and those that don't; both empty for a dataset that is drawn, or whose place must
        be given.
    needed : options that must be given, since no default stands for them.
    """

    there: tuple[str, ...]
    missing: tuple[str, ...]
    needed: tuple[str, ...] = ()

    @property
    def found(self) -> bool | None:
        """Whether all is there; None where that depends on what is given."""
        return None if self.needed else not self.missing

    def __str__(self) -> str:
        """In a table: where it is, or what is not there."""
        if self.needed:
            return f"give {', '.join(f'dataset.{name}' for name in self.needed)}"
        if self.missing:
            return f"no: {self.missing[0]}"
        return self.there[0] if self.there else "yes, drawn"


def options_of(name: str, paths: Mapping[str, Any]) -> dict[str, Any]:
    """The reader's name and all options of a choice, with `paths` as `paths_given` has them.

    Raises
    ------
    ConfigError : for one that can't be read.
    """
    try:
        settings = OmegaConf.create({"paths": dict(paths), "dataset": choices.content("dataset", name)})
        plain = OmegaConf.to_container(settings, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"dataset={name}: {str(error).partition(chr(10))[0]}") from error
    assert isinstance(plain, dict)
    options: dict[str, Any] = plain["dataset"]
    return options


def places_of(name: str, paths: Mapping[str, Any]) -> Places:
    """The places of a choice, with `paths` as `paths_given` has them. Raises ConfigError for one that can't be read."""
    options = options_of(name, paths)
    there: list[str] = []
    missing: list[str] = []
    needed: list[str] = []
    for option in _path_options(datasets[str(options["name"])]):
        value = options.get(option)
        if value == MISSING_VALUE:
            needed.append(option)
        elif value is not None:
            found = is_url(value) or Path(str(value)).expanduser().exists()  # nobody is asked over a network
            (there if found else missing).append(str(value))
    return Places(tuple(there), tuple(missing), tuple(needed))


def paths_given(overrides: Sequence[str]) -> dict[str, Any]:
    """The settings of the group `paths`, as ``paths.NAME=VALUE`` changes them. Raises ConfigError for other words."""
    paths = choices.content("paths", "default")
    for text in overrides:
        word = Word.of(text)
        name = word.key.removeprefix("paths.")
        if name == word.key or name not in paths or word.value is None:
            raise ConfigError(
                f"wsol list datasets takes {' and '.join(f'paths.{key}=DIR' for key in paths)}, not {text}"
            )
        paths[name] = word.value.strip("'\"")
    return paths


def _path_options(reader: type[Any]) -> Iterator[str]:
    """The options of a reader that are files or folders."""
    for name, hint in typing.get_type_hints(reader, include_extras=True).items():
        if (
            Path in _plain_types(hint)
            and name in reader.__dataclass_fields__
            and reader.__dataclass_fields__[name].init
        ):
            yield name


def _plain_types(hint: Any) -> set[Any]:
    """The types that a hint allows."""
    if get_origin(hint) is Annotated:
        return _plain_types(get_args(hint)[0])
    if get_origin(hint) in (typing.Union, types.UnionType):
        return set().union(*map(_plain_types, get_args(hint)))
    return {hint}

"""Compose settings with Hydra: once checked, words become plain values. The only door to Hydra in the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import yaml
from hydra import __version__ as hydra_version
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wsol.environment import conf_dir
from wsol.errors import ConfigError, WsolError, unknown
from wsol.settings import choices, words
from wsol.settings.guess import with_formats
from wsol.settings.source import address
from wsol.settings.words import Word

# Hydra 1.3 warns where it is left out, Hydra 1.4 where it is given
VERSION_BASE = {"version_base": "1.3"} if hydra_version.startswith("1.3.") else {}
NAME = "config"  # conf/config.yaml
TRAINED = ("recipe", "technique")  # groups of conf/train.yaml alone


@dataclass(frozen=True, slots=True)
class Request:
    """Checked words for Hydra, and whether they ask for several runs.

    Attributes
    ----------
    swept : the keys that differ between runs.
    together : the runs have one table.
    """

    words: tuple[str, ...]
    multirun: bool
    swept: frozenset[str]
    together: bool = False


def compose_settings(overrides: Sequence[str], config: str = NAME) -> dict[str, Any]:
    """Overrides to plain settings, as one run has them. Raises WsolError with the nearest name for what is wrong.

    Parameters
    ----------
    config : the file in conf/ that has the defaults.
    """
    with hydra_app():
        request = checked(overrides, config=config)
        return plain(_composed(request.words, config=config))


@contextmanager
def hydra_app() -> Iterator[Any]:
    """A block in which Hydra reads our configuration; gives its application (``run``, ``multirun``, ``show_cfg``)."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), job_name="wsol", **VERSION_BASE):
        yield GlobalHydra.instance().hydra


def checked(typed: Sequence[str], *, multirun: bool = False, lists: bool = False, config: str = NAME) -> Request:
    """Words as Hydra reads them, after every name and key is found to exist. Inside `hydra_app`. Raises WsolError.

    The choices are composed alone first: what they offer is what the other words may set.

    Parameters
    ----------
    multirun : words may have several values, for a run each.
    lists : ``model=[resnet50,vgg16]`` is a run each, too, and one table.
    """
    given = [with_formats(Word.of(text)) for text in typed]
    together = False
    if lists:
        alone = [replace(word, value=",".join(words.listed(word) or [word.value or ""])) for word in given]
        given = [one if words.listed(word) else word for one, word in zip(alone, given, strict=True)]
        together = any(len(words.listed(Word.of(text))) > 1 for text in typed)
        multirun = multirun or together
    words.check_needed(given)
    for word in given:
        if word.key in TRAINED and config == NAME:
            raise ConfigError(
                f"{word}: {word.key} is for wsol train, which writes weights; evaluate them with model=DIR"
            )
    searched = [address(), *(f"file://{folder}" for folder in choices.sources().folders)]
    search = f"hydra.searchpath=[{','.join(map(words.quoted, searched))}]"
    groups, others = words.group_words(given), words.other_words(given)
    _check_plugins(others)
    of_hydra = [str(word) for word in others if word.group == "hydra"]
    # one composition for each value of the longest sweep: every choice is composed at least once
    alternatives = [list(map(str, words.single(word))) for word in groups]
    settings = []
    for row in zip_longest(*alternatives) if alternatives else [()]:
        first = [value or values[0] for value, values in zip(row, alternatives, strict=True)]
        settings.append(_composed([search, *first], with_hydra=True, config=config))
        if choices.sources().folders:
            whole_config = _composed([search, *first, *of_hydra], with_hydra=True, config=config)
            _check_code(whole_config, of_hydra, config)
    multirun = multirun or any(one.hydra.mode is RunMode.MULTIRUN for one in settings)
    words.check_keys(others, [_choices(one) for one in settings])
    whole = [*groups, *(words.readable(word, multirun=multirun) for word in others)]
    if not multirun:
        words.check_single(whole)
    swept = {word.key for word in whole if len(words.single(word)) > 1}
    return Request((search, *map(str, whole)), multirun, frozenset(swept), together)


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain values, without what files say of themselves (``about``).

    Raises
    ------
    ConfigError : a value that refers to one that isn't there.
    """
    try:
        settings = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(_sentence(error)) from error
    assert isinstance(settings, dict)
    return {key: value for key, value in _without_about(settings).items() if key != "hydra"}


def _without_about(node: Mapping[Any, Any]) -> dict[str, Any]:
    kept = {str(key): value for key, value in node.items() if key != "about"}
    return {key: _without_about(value) if isinstance(value, Mapping) else value for key, value in kept.items()}


def explained(error: BaseException) -> WsolError:
    """What is left to go wrong in Hydra after our checks, as one sentence: files of the user's, and values' types."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, WsolError):
            return cause
        if isinstance(cause, yaml.MarkedYAMLError) and cause.problem_mark:
            mark = cause.problem_mark
            return ConfigError(f"{mark.name}:{mark.line + 1}: this is not valid YAML: {cause.problem}")
        cause = cause.__cause__ or cause.__context__
    return ConfigError(_sentence(error))


def _composed(overrides: Sequence[str], *, with_hydra: bool = False, config: str = NAME) -> DictConfig:
    try:
        return compose(config, overrides=list(overrides), return_hydra_config=with_hydra)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, OSError) as error:
        raise explained(error) from error


def _choices(config: DictConfig) -> dict[str, Any]:
    """What the choices alone compose to; values that refer to others stay as they are."""
    settings = OmegaConf.to_container(config, resolve=False)
    assert isinstance(settings, dict)
    if settings.get("experiment") is not None:
        raise ConfigError("the first line of an experiment's file must be '# @package _global_'")
    return {str(key): value for key, value in settings.items() if key != "hydra"}


def _check_plugins(given: Sequence[Word]) -> None:
    """``hydra/launcher=joblib`` and the like must be installed."""
    for word in given:
        if not word.key.startswith("hydra/") or word.value is None:
            continue
        known = GlobalHydra.instance().config_loader().get_group_options(word.key)
        if word.value not in known:
            kind = word.key.partition("/")[2]
            see = f"a plug-in of Hydra's is a package of its own, such as hydra-{word.value}-{kind}"
            raise unknown(word.key, word.value, known, see=see)


def _check_code(composed: DictConfig, of_hydra: Sequence[str], config: str = NAME) -> None:
    """Raises ConfigError where files of ``--config-dir`` set what Hydra runs as code; the command line may.

    What is composed must be what Hydra's own files and the words of the command line compose to.
    """
    groups = {k: v for k, v in composed.hydra.runtime.choices.items() if k.startswith("hydra/")}
    typed = {Word.of(word).key for word in of_hydra}
    chosen = [f"{group}={name}" for group, name in groups.items() if name is not None and group not in typed]
    try:
        given = [f"hydra.searchpath=[{words.quoted(address())}]", *chosen, *of_hydra]
        trusted = _composed(given, with_hydra=True, config=config)
    except ConfigError as error:
        raise ConfigError(f"a file of --config-dir stands for one of Hydra's own ({error}); remove it there") from error
    for key, facts in RUNS_CODE.items():
        if facts(OmegaConf.select(composed.hydra, key)) != facts(OmegaConf.select(trusted.hydra, key)):
            raise ConfigError(
                f"a file of --config-dir sets hydra.{key}, by which it could run code; "
                f"remove it there, and give hydra.{key}... on the command line if you want it"
            )


def _whole(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node


def _targets(node: Any, key: str = "") -> set[tuple[str, str]]:
    """The classes that a node names, with their places."""
    if isinstance(node, DictConfig):
        node = _whole(node)
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    inner = (_targets(value, f"{key}.{name}") for name, value in parts)
    return {(key, str(node))} if key.endswith("._target_") else set().union(*inner)


# parts of Hydra's configuration that name classes, shell commands or variables of the environment; of a sweeper,
# only its classes: which values it sweeps is for files to say
RUNS_CODE: Mapping[str, Callable[[Any], Any]] = {
    "callbacks": _whole,
    "job_logging": _whole,
    "hydra_logging": _whole,
    "launcher": _whole,
    "job.env_set": _whole,
    "job.env_copy": _whole,
    "sweeper": _targets,
}


def _sentence(error: BaseException) -> str:
    first, *others = str(error).strip().split("\n")
    return " ".join(f"{first} {others[0]}".split() if first.endswith(":") and others else first.split())

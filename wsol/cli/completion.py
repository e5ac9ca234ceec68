"""Shell completion for all commands, from names alone: no network, no Hydra, and torch for a method's options only.

eval "$(wsol run -sc install=bash)"
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import cast

import wsol
from wsol.cli.options import RUNS, RUNS_DEFAULT
from wsol.errors import WsolError
from wsol.settings import choices
from wsol.settings.choices import GROUPS, SEVERAL

COMMON = ("--help", "--with", "--config-dir", "--runs", "--format", "--json")
TAKES_OVERRIDES = ("run", "explain", "reproduce", "doctor", "parity", "list", "train", "tune")
TAKES_RUNS = ("status", "rescore", "table", "compare", "report", "export")
SETTINGS = ("seed", "classifier", "table", "tau_from", "claim", "figures", "profile", "gallery", "maps")
FIRST_WORDS = {"list": "KINDS", "show": "SHOWN", "new": "KINDS", "data": "ACTIONS"}  # by command: its own table of them


def candidates(line: str, commands: Iterable[str]) -> list[str]:
    """The words that may stand where the cursor is, at the end of `line`, of a program with `commands`."""
    _, *words = line.split(" ")
    last = words[-1] if words else ""
    if len(words) < 2:
        return _beginning(last, commands)
    command, before = words[0], words[1:-1]
    try:
        choices.use(_values("--with", before), _values("--config-dir", before))
        return _beginning(last, _words(command, before, last))
    except WsolError:
        return []


def _words(command: str, before: list[str], last: str) -> Iterable[str]:
    plain = [word for word in before if not word.startswith("-")]
    if last.startswith("-"):
        return COMMON
    if command in FIRST_WORDS and not plain:
        return cast("Iterable[str]", getattr(import_module(f"wsol.cli.{command}"), FIRST_WORDS[command]))
    if command == "show" and len(plain) == 1:
        return choices.names(plain[0].removesuffix("s"))
    if command == "data" and len(plain) == 1:
        from wsol.datasets.prepare import preparations

        return preparations
    if command == "reproduce" and not plain:
        from wsol.environment import benchmarks_dir

        return (path.stem for path in benchmarks_dir().glob("*.yaml"))
    if command in TAKES_RUNS:
        folder = Path([_runs(), *_values("--runs", before)][-1])
        return ["latest", *(place.parent.name for place in folder.glob("*/run.json"))]
    return _overrides(last) if command in TAKES_OVERRIDES else []


def _overrides(last: str) -> Iterable[str]:
    """Groups and settings, the names of a group (also within ``[a,b``), and the options of a name."""
    key, equals, value = last.partition("=")
    if equals:
        done = value[: max(value.rfind(","), value.rfind("[")) + 1]
        return (f"{key}={done}{name}" for name in _names(key)) if key in GROUPS else []
    kinds = {setting: group for group, setting in SEVERAL.items()}
    group, dot, rest = key.partition(".")
    if dot and group in kinds:
        name, dot, _ = rest.partition(".")
        if not dot:
            return (f"{group}.{name}." for name in choices.names(kinds[group]) if name not in choices.SETS)
        return (f"{group}.{name}.{option}=" for option in _entry(kinds[group], name))
    if dot and group in GROUPS:
        return (f"{group}.{option}=" for option in _group_options(group))
    return [
        *(f"{name}=" for name in (*GROUPS, *SETTINGS)),
        *(f"{name}." for name in (*SEVERAL.values(), "dataset", "model", "view", "engine", "paths")),
    ]


def _entry(group: str, name: str) -> Iterable[str]:
    (options,) = choices.content(group, name).values()
    return (option for option in options if option != group)


def _group_options(group: str) -> set[str]:
    """The options of all names of a group: which one will be chosen may not be typed yet."""
    if group == "model":
        return set(choices.content("model", "shapes_gap")) - {"name"}
    return {option for name in choices.names(group) for option in choices.content(group, name)} - {"name", "about"}


def _names(group: str) -> Iterable[str]:
    return _networks() if group == "model" else choices.names(group)


def _networks() -> Iterable[str]:
    """Names of networks, read from the files that define them."""
    yield from choices.config_names("model")
    for path in (Path(wsol.__file__).parent / "models" / "networks").glob("[!_]*.py"):
        yield path.stem
    spec = find_spec("torchvision")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in (Path(folder) / "models").glob("*.py"):
            yield from re.findall(r"^@register_model\(\)\n(?:@.*\n)*def (\w+)", path.read_text("utf-8"), re.MULTILINE)


def _runs() -> str:
    return os.environ.get(RUNS, RUNS_DEFAULT)


def _values(flag: str, words: list[str]) -> list[str]:
    """What stands behind a flag, each time it is given."""
    return [value for name, value in pairwise(words) if name == flag]


def _beginning(start: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(start)})

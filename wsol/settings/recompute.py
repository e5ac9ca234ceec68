"""From composed settings back to words: the data set, network and view of a run, so that any of its numbers can be
computed again by one command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wsol.datasets.base import datasets
from wsol.options import MISSING_VALUE, defaults
from wsol.settings import choices
from wsol.settings.records import Engine, General, ModelSpec
from wsol.settings.words import Word, holds_path, quoted
from wsol.views import views

OF_ROWS = ("precision", "compile", "tf32", "batch_size", "chunk", "shard_size")  # of the engine: they decide rows


def recomputing(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the manifest keeps of settings, apart from methods, protocols and metrics.

    Returns
    -------
    ``words``: overrides of `wsol run`, and ``--with FILE`` for components from outside the package;
    ``files``: paths among them, which another machine must have, too.
    """
    words = list(_group("dataset", settings["dataset"], datasets[settings["dataset"]["name"]]))
    words += _group("model", settings["model"], ModelSpec)
    words += _group("view", settings["view"], views[settings["view"]["name"]], side=None)
    engine = settings.get("engine") or {}
    words += _changed("engine.", {name: engine[name] for name in OF_ROWS if name in engine}, defaults(Engine))
    general = {name: settings[name] for name in ("seed", "classifier") if name in settings}
    words += _changed("", general, defaults(General))
    outside = [str(file) for file in choices.sources().files]
    with_files = [part for file in outside for part in ("--with", file)]
    return {"words": [*with_files, *map(str, words)], "files": [*outside, *filter(None, map(_file, words))]}


def _file(word: Word) -> str:
    """The path that a setting names, or ``""``: weights may be a file, or a word such as ``random``."""
    if word.value in (None, "null") or not holds_path(word):
        return ""
    path = str(word.value).strip("'")
    return path if word.group == "dataset" or Path(path.partition("@")[0]).expanduser().exists() else ""


def _group(group: str, chosen: Mapping[str, Any], record: type[Any], **usual: Any) -> Iterable[Word]:
    """The choice, and its options that differ from the defaults of their record, or from `usual`."""
    yield Word("", group, quoted(str(chosen["name"])))
    options = {name: value for name, value in chosen.items() if name != "name"}
    yield from _changed(f"{group}.", options, {**defaults(record), **usual})


def _changed(prefix: str, options: Mapping[str, Any], usual: Mapping[str, Any]) -> Iterable[Word]:
    for name, value in options.items():
        plain = list(value) if isinstance(value, tuple) else value
        default = usual.get(name, MISSING_VALUE)
        if plain != (list(default) if isinstance(default, tuple) else default):
            yield Word("", prefix + name, typed(value))


def typed(value: Any) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(typed, value))}]"
    return repr(value) if isinstance(value, int | float) else quoted(str(value))

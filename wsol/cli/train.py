"""`wsol train`: train a classifier by a recipe and a technique; resumes what its folder holds."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol.cli.options import Command
from wsol.errors import ConfigError, unknown
from wsol.options import defaults
from wsol.settings import choices
from wsol.settings.words import Word, quoted

DESCRIPTION = """Train a classifier on a data set's train split by a recipe and a technique, and write its weights and a
model card into a folder. The same command resumes after a stop, with the same weights in the end.

  wsol train recipe=shapes dataset=shapes model=shapes_vgg_gap out=runs/cam
  wsol train recipe=choe2020_cub dataset=cub model=resnet50_gap technique=has out=runs/has
  wsol train recipe=finetune dataset=photos/ model=resnet50 out=runs/photos
  wsol train recipe=finetune dataset=photos/ model=timm/convnext_tiny recipe.epochs=20 out=runs/photos
  wsol run model=runs/cam dataset=shapes method=[cam,layercam]

recipe.NAME=VALUE replaces a value of the recipe, technique.NAME=VALUE an option of the technique; see
wsol show recipe NAME, wsol list recipes, wsol list techniques. Several devices: torchrun --nproc-per-node 4 -m wsol
train ... Needs the extra train: pip install 'wsol[train]'.
"""


NOT_TAKEN = ("method", "methods", "protocol", "protocols", "metric", "metrics", "view", "experiment")


def main(words: Sequence[str]) -> int:
    """Train; returns the exit code. The file of weights is on stdout."""
    parser = Command("train", DESCRIPTION, overrides=True)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=NAME, group.option=VALUE")
    given = parser.read(words)
    settings = settings_of(given.overrides)
    from wsol.training.job import is_main_process, run_training

    if not is_main_process():  # under torchrun one of the processes speaks
        logging.getLogger("wsol").setLevel(logging.WARNING)
    place = run_training(settings)
    if is_main_process():
        print(place)
    return 0


def settings_of(overrides: Sequence[str]) -> dict[str, Any]:
    """Overrides as plain settings for `wsol.training.job`; the recipe knows its name. Raises WsolError."""
    from wsol.settings import compose_settings

    words = [_readable(Word.of(text)) for text in overrides]
    for word in words:
        if word.group in NOT_TAKEN:
            raise ConfigError(f"{word}: training takes no {word.group}; evaluate the weights with wsol run model=DIR")
    for group in ("recipe", "dataset", "model"):
        if not any(word.key == group and word.value for word in words):
            raise ConfigError(f"say which {group}: {group}=NAME. See: wsol list {group}s")
    name = next(word.value for word in reversed(words) if word.key == "recipe") or ""
    if choices.config_file("recipe", name) is None:
        raise unknown("recipe", name, choices.config_names("recipe"), see="wsol list recipes")
    added: Mapping[str, Any] = _added(words)
    if not any(word.key == "technique" for word in words):
        words = [Word("", "technique", _technique(name, added)), *words]
    settings = compose_settings([str(word) for word in _with_values(words, name)], "train")
    return {**settings, "recipe": {**settings["recipe"], **added, "name": name}}


def _readable(word: Word) -> Word:
    """``out=DIR`` may have any letter in it."""
    return dataclasses.replace(word, value=quoted(word.value)) if word.key == "out" and word.value else word


def _with_values(words: Sequence[Word], name: str) -> list[Word]:
    """The words without values that the recipe's file leaves to their defaults: Hydra knows no such keys."""
    content = choices.content("recipe", name)
    return [word for word in words if word.group != "recipe" or word.key == "recipe" or _field(word) in content]


def _added(words: Sequence[Word]) -> dict[str, Any]:
    """Those values. Raises ConfigError for a name that no recipe has."""
    from wsol.settings.words import parsed
    from wsol.training.recipe import Recipe

    known = [field.name for field in dataclasses.fields(Recipe)]
    values: dict[str, Any] = {}
    for word in words:
        if word.group != "recipe" or word.key == "recipe":
            continue
        if _field(word) not in known:
            raise unknown("option", word.key, [f"recipe.{one}" for one in known], error=ConfigError)
        values[_field(word)] = parsed(str(word)).value()
    return values


def _technique(name: str, added: Mapping[str, Any]) -> str:
    """The technique of a recipe, where none is given."""
    from wsol.training.recipe import Recipe

    entry = choices.content("recipe", name).get("technique")
    of_file = entry.get("value") if isinstance(entry, Mapping) else entry
    return str(added.get("technique") or of_file or defaults(Recipe)["technique"])


def _field(word: Word) -> str:
    return word.key.partition(".")[2]


def out_of(settings: Mapping[str, Any]) -> Path:
    """The folder that settings name."""
    return Path(str(settings["out"])).expanduser()

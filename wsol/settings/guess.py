"""``dataset=PATH``: which format a path is of, in the words that choose it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.datasets.base import datasets
from wsol.datasets.paths import existing, is_folder, is_url
from wsol.datasets.recognition import Guess, guesses
from wsol.errors import ConfigError, DataError
from wsol.grammar import parse, spell, split
from wsol.settings import choices
from wsol.settings.words import Word, is_hydra_s

if TYPE_CHECKING:
    from wsol.datasets.stores.remote_path import AnyPath

log = logging.getLogger(__name__)


def words_for(guess: Guess) -> str:
    """The words that choose a guess: its name, and the options that differ from what the name alone stands for."""
    alone = choices.content("dataset", guess.key)
    options = {name: value for name, value in guess.options.items() if value != alone[name]}
    given = (f"dataset.{name}={'null' if value is None else value}" for name, value in options.items())
    return " ".join([f"dataset={guess.key}", *given])


def with_formats(word: Word) -> Word:
    """The word itself, or ``dataset=PATH`` as the choice that reads the path, which the log says.

    Raises
    ------
    DataError : there is no such path. ConfigError : it is of no known format, or of several; the words for each.
    """
    if word.key == "model" and word.value:
        return _with_file(word)
    if word.key != "dataset" or not word.value or is_hydra_s(word.value):
        return word
    inside = word.value[1:-1] if word.value.startswith("[") and word.value.endswith("]") else word.value
    texts = [inside] if _is_there(inside) else split(inside)  # a comma may be part of a path
    parts = [_choice(part.strip("'\"")) for part in texts]
    return replace(word, value=",".join(parts) if inside is word.value else f"[{','.join(parts)}]")


def _with_file(word: Word) -> Word:
    """``model=DIR`` and ``model=FILE`` as the choice that reads a file of `wsol train`; other words as they are."""
    path = Path(word.value.strip("'\"")) if word.value else Path()
    if "/" not in str(path) and path.suffix != ".safetensors" and not is_folder(path):
        return word
    if not path.expanduser().exists():
        return word
    return replace(word, value=spell("trained", options={"weights": repr(str(path.expanduser().absolute()))}))


def _choice(text: str) -> str:
    if not is_path(text):
        return text
    guess = guess_of(text)
    quoted = {name: "null" if value is None else repr(value) for name, value in guess.options.items()}
    return spell(guess.key, options=quoted)


def guess_of(text: str) -> Guess:
    """The one way to read what is at a path, which the log says.

    Raises
    ------
    DataError : there is no such path. ConfigError : it is of no known format, or of several; the words for each.
    """
    path: AnyPath
    if is_url(text):
        from wsol.datasets.stores.remote_path import existing_at  # needless for most commands

        path = existing_at(text, option="dataset", cache=None)
    else:
        path = Path(text).expanduser()
        existing(path, option="dataset", folder=is_folder(path) or not path.exists())
    try:
        found = guesses(path.absolute() if isinstance(path, Path) else path)
    except OSError as error:
        raise DataError(f"dataset={text} can't be looked into: {error.filename}: {error.strerror}") from error
    if not found:
        raise ConfigError(
            f"dataset={text} is of no format that is known ({', '.join(datasets)}); choose one with dataset=NAME and "
            "its options. See: wsol show dataset NAME"
        )
    if len(found) > 1:
        raise ConfigError(
            f"dataset={text} can be read in {len(found)} ways; choose one: {' | '.join(map(words_for, found))}"
        )
    log.info("dataset=%s is read as %s: %s", text, found[0].key, words_for(found[0]))
    return found[0]


def is_path(text: str) -> bool:
    """Whether a word that chooses a data set is a path or a URL: it is no name, and there is it, or a slash in it."""
    if is_url(text):
        return True
    try:
        name = parse(text).name
    except ConfigError:
        name = text
    if choices.is_known("dataset", name) or (name != text and "/" not in name):
        return False
    return "/" in text or text.startswith("~") or _is_there(text)


def _is_there(text: str) -> bool:
    """Whether there is such a file or folder; false for what can't be a path at all."""
    try:
        return Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False

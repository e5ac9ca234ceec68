"""From words as people type them to words as Hydra reads them, checked against the registries and fields first.

Three things are made easier than in Hydra's own grammar: a choice may be spelled with its layers and options
(``method=layercam@stage3-5[gamma=2]``), a path may have any letter in it, and ``protocol.tau=0.2`` is for every
protocol that is chosen.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from wsol.errors import ConfigError, unknown
from wsol.errors import quoted as shortened
from wsol.grammar import STORED, split, stored
from wsol.settings import choices
from wsol.settings.choices import GROUPS, SEVERAL
from wsol.settings.records import Engine, General, ModelSpec, Paths

RECORDS: Mapping[str, type] = {"model": ModelSpec, "engine": Engine, "paths": Paths}
SINGLE = tuple(
    group for group in GROUPS if group not in SEVERAL and group not in ("experiment", "recipe", "technique")
)  # one of them in a run
NEEDED = ("dataset", "model", "view", "engine", "paths", "seed")  # what no run can do without


@dataclass(frozen=True, slots=True)
class Word:
    """One override: ``+key=value`` or ``~key``; `sign` is what stands in front of the key."""

    sign: str
    key: str
    value: str | None

    @classmethod
    def of(cls, text: str) -> Word:
        """Raises ConfigError for a word without a key."""
        key, equals, value = text.partition("=")
        bare = key.lstrip("+~")
        sign = key[: len(key) - len(bare)]
        if not bare or (not equals and sign != "~"):
            raise ConfigError(f"{text!r} is not a setting; write name=value, for example dataset=shapes")
        return cls(sign, bare, value if equals else None)

    @property
    def group(self) -> str:
        """The first part of the key: ``methods`` of ``methods.layercam.gamma``, ``hydra`` of ``hydra/launcher``."""
        return re.split(r"[./@]", self.key, maxsplit=1)[0]

    def __str__(self) -> str:
        return self.sign + self.key + ("" if self.value is None else f"={self.value}")


def is_setting(text: str) -> bool:
    """Whether a word sets something, or else names an image, a file or a run."""
    key, equals, _ = text.partition("=")
    first = Word("", key.lstrip("+~"), None).group
    known = {*GROUPS, *SEVERAL.values(), *(f.name for f in fields(General)), "hydra"}
    return (bool(equals) or key.startswith("~")) and (first in known or not Path(text).exists())


def holds_path(word: Word) -> bool:
    """Whether the field that a setting sets may be a path, by its type; of datasets, the field of any of them."""
    option = word.key.partition(".")[2]
    records = choices.registered("dataset").values() if word.group == "dataset" else [RECORDS.get(word.group)]
    if not option:  # a setting in no group
        option, records = word.key, [General]
    hints = (typing.get_type_hints(record).get(option) for record in records if record)
    return any(hint is Path or Path in typing.get_args(hint) for hint in hints)


def moves_no_number(word: Word) -> bool:
    """Whether a setting only says where things are, or what is shown."""
    places = word.group in ("dataset", "paths") and holds_path(word)
    return places or word.group == "engine" or word.key in ("table", "gallery", "maps", "claim", "dataset.cache_gb")


def chosen(words: Iterable[Word], group: str) -> list[str]:
    """The names that words choose of a group, sweeps included."""
    values = [word.value for word in words if word.key == group and word.value and not word.sign.startswith("~")]
    return [name for value in values for part in split(value) for name in _names(part)]


def group_words(words: Sequence[Word]) -> list[Word]:
    """The choices of groups, each name checked and quoted. Raises UnknownName or ConfigError."""
    return [_chosen_word(word) for word in words if word.key in GROUPS]


def listed(word: Word) -> list[str]:
    """The names of a list in brackets that chooses of a group of which a run has one, ``model=[resnet50,vgg16]``."""
    value = word.value or ""
    return _names(value) if word.key in SINGLE and value.startswith("[") and value.endswith("]") else []


def _chosen_word(word: Word) -> Word:
    if not word.value or is_hydra_s(word.value):
        return word
    return replace(word, value=",".join(_choice(word, part) for part in split(word.value)))


def is_hydra_s(value: str) -> bool:
    """Whether a choice is null, or one of Hydra's own ways to sweep, which stay as they are."""
    return re.fullmatch(r"null|(choice|glob|shuffle|sort)\(.*\)", value) is not None


def _choice(word: Word, part: str) -> str:
    """One name, or a list of names in brackets, as Hydra reads it."""
    names = _names(part)
    for name in names:
        choices.check(word.key, name)
    if not part.startswith("["):
        return quoted(names[0]) if names else "null"
    if word.key in SINGLE:
        raise ConfigError(f"{word}: this takes one {word.key}; only wsol run takes several, and runs each")
    return f"[{','.join(map(quoted, names))}]"


def _names(part: str) -> list[str]:
    inner = split(part[1:-1]) if part.startswith("[") and part.endswith("]") else [part]
    return [name.strip("'\"") for name in inner]


def other_words(words: Sequence[Word]) -> list[Word]:
    """All other settings, shorthands written out."""
    return [_as_stored(single) for word in words if word.key not in GROUPS for single in _written_out(word, words)]


def check_needed(words: Sequence[Word]) -> None:
    """Raises ConfigError for a word such as ``~model`` or ``model=null``: no run can do without one."""
    for word in words:
        taken = word.value is None or (word.value in ("", "null") and word.key in GROUPS)
        if taken and word.key in NEEDED:
            raise ConfigError(f"{word}: a run needs {word.key}; choose another one with {word.key}=...")
        if taken and word.value is not None and word.key in SEVERAL:
            raise ConfigError(f"{word}: name at least one {word.key}, or choose none with {word.key}=[]")
        group = next((group for group, settings in SEVERAL.items() if settings == word.key), None)
        if word.value is not None and group:
            raise ConfigError(f"{word}: {word.key} has options of each {group}; choose with {group}={word.value}")


def check_single(words: Sequence[Word]) -> None:
    """Raises ConfigError for a word that would make several runs."""
    for word in words:
        if parsed(str(word)).is_sweep_override():
            in_list = f"write {word.key}=[{word.value}] for"
            if word.key in SEVERAL or word.group in ("methods", "protocols"):
                raise ConfigError(f"{word}: {in_list} all in one run, or add -m for a run each")
            if word.key in SINGLE:
                raise ConfigError(f"{word}: {in_list} a run each and one table, or add -m for a table each")
            raise ConfigError(f"{word}: add -m for a run each")


def readable(word: Word, *, multirun: bool) -> Word:
    """A setting as Hydra's grammar has it, paths quoted. Raises ConfigError."""
    if word.value == "null" and word.group == "paths":
        raise ConfigError(f"{word}: a run needs this folder; give one, {word.key}=DIR, or leave it out")
    if word.value is not None and holds_path(word):
        word = replace(word, value=_path(word.value, multirun=multirun))
    if word.value is not None and word.key == "claim":
        word = replace(word, value=_claims(word.value))
    parsed(str(word))
    return word


def _written_out(word: Word, words: Sequence[Word]) -> list[Word]:
    """``protocol.tau=0.2`` for every chosen protocol; ``method.layers=...`` and ``metric.sample=...`` likewise."""
    group, _, option = word.key.partition(".")
    if group not in SEVERAL or not option:
        return [word]
    names = chosen(words, group)
    if not names:
        raise ConfigError(
            f"{word}: say which {group} it is for: {group}=NAME, or {SEVERAL[group]}.NAME.{option}={word.value}"
        )
    for name in names:
        if not choices.check(group, name).is_name:
            raise ConfigError(f"{word}: {name} has options of its own; write {option}={word.value} in its brackets")
    return [replace(word, key=f"{SEVERAL[group]}.{choices.key_of(name)}.{option}") for name in names]


def _as_stored(word: Word) -> Word:
    """``normalize`` and the like in the spelling that rows have."""
    if word.group not in ("model", *SEVERAL.values()):
        return word
    head, dot, option = word.key.rpartition(".")
    value = word.value and re.sub(rf"\b({'|'.join(STORED)})\b", lambda match: STORED[match[0]], word.value)
    return replace(word, key=f"{head}{dot}{stored(option)}", value=value if word.group != "model" else word.value)


def _path(value: str, *, multirun: bool) -> str:
    """A path in quotes; with ``-m`` several, where no file has all of it as its name."""
    if value == "null" or re.fullmatch(r"'.*'|\".*\"", value):
        return value
    several = multirun and "," in value and not Path(value).expanduser().exists()
    return ",".join(map(quoted, split(value))) if several else quoted(value)


def _claims(value: str) -> str:
    """A claim in quotes, or a list of them; they are made of signs that Hydra's grammar has for itself."""
    if value == "null" or re.fullmatch(r"'.*'|\".*\"", value):
        return value
    if value.startswith("[") and value.endswith("]"):
        return f"[{','.join(quoted(one.strip(chr(39) + chr(34))) for one in split(value[1:-1]))}]"
    return quoted(value)


def quoted(text: str) -> str:
    """`text` as one word of Hydra's grammar."""
    if re.fullmatch(r"(?!(?i:true|false|inf|nan)$)[A-Za-z_][\w/.-]*", text, re.ASCII):
        return text
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", escaped) + "'"


def parsed(text: str) -> Override:
    """A word in Hydra's grammar. Raises ConfigError."""
    try:
        return OverridesParser.create().parse_overrides([text])[0]
    except ValueError as error:  # Python reads no longer integers
        raise ConfigError(f"{shortened(text)} has a number of more than 4300 digits; give a shorter one") from error
    except HydraException as error:
        _, _, value = text.partition("=")
        raise ConfigError(
            f"{text!r} can't be read; a value with special letters needs quotes: \"'{value}'\""
        ) from error


def single(word: Word) -> list[Word]:
    """A word that sweeps, as one word for each of its values; other words alone."""
    if word.value is None:
        return [word]
    override = parsed(str(word))
    if not override.is_sweep_override() or not override.is_discrete_sweep():
        return [word]
    return [replace(word, value=value) for value in override.sweep_string_iterator()]


def check_keys(words: Sequence[Word], settings: Sequence[Mapping[str, Any]]) -> None:
    """Every key must be a setting under one of the composed choices. Raises ConfigError with the nearest one."""
    known = {key for one in settings for key in _keys(one)}
    for word in words:
        if word.group == "hydra" or word.key in known:
            continue
        kind = {setting: group for group, setting in SEVERAL.items()}.get(word.group, "")
        name = word.key.partition(".")[2].partition(".")[0]
        here = [key for one in settings for key in (one.get(word.group) or {})] if kind else []
        if name and kind and name not in here and choices.is_known(kind, name):
            added = ",".join(dict.fromkeys([*here, name]))
            raise ConfigError(f"{word.key} is an option of {name}, which is not chosen; add it: {kind}=[{added}]")
        what = "option" if "." in word.key else "setting"
        raise unknown(what, word.key, known, see="wsol run --cfg job", error=ConfigError)


def _keys(node: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in node.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")

"""The one spelling of a choice, which tables print and every command reads: ``name@layers[option=value,...]``.

>>> parse("layercam@stage3-5[gamma=2]")
Choice(name='layercam', layers=('stage3', 'stage4', 'stage5'), options={'gamma': 2})

Layers are ``stage5``, ``stage3-5`` (a range, both ends included), ``stage4+stage5`` or shorter ``stage4+5``, ``last``,
``last-1`` (the stage before the last), ``all``, ``input``, or dotted module names; joined by ``+`` they are fused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wsol.errors import ConfigError

# American spellings of the option names and values that rows store in British ones.
STORED = {
    "normalize": "normalise",
    "quantize": "quantise",
    "randomize": "randomise",
    "color_cut": "colour_cut",
    "normalize_first": "normalise_first",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A name with its layers and options, as typed; empty where nothing is said."""

    name: str
    layers: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return spell(self.name, self.layers, self.options)

    @property
    def is_name(self) -> bool:
        """Whether nothing but the name is said."""
        return not self.layers and not self.options


def parse(text: str) -> Choice:
    """Read ``name@layers[option=value,...]``; layers and options may be left out. Raises ConfigError."""
    parts = re.fullmatch(r"([^@\[\]]+)(?:@([^\[\]]+))?(?:\[(.*)\])?", text.strip(), re.DOTALL)
    if not parts:
        raise ConfigError(f"{text!r} is not a valid choice; write name@layers[option=value,...]")
    name, layers, options = parts.groups()
    return Choice(name.strip(), parse_layers(layers) if layers else (), parse_options(options or "", text.strip()))


def parse_layers(text: str) -> tuple[str, ...]:
    """The layers in their order, each once: ``stage3-5`` and ``stage4+5`` become single stages.

    Raises
    ------
    ConfigError : an empty name, or a range that does not go from a lower stage to a higher one.
    """
    names: list[str] = []
    for part in (part.strip() for part in text.split("+")):
        if not part:
            raise ConfigError(f"layers {text!r}: a name is missing beside '+'; write for example stage4+stage5")
        if span := re.fullmatch(r"stage(\d+)-(.+)", part):
            if not _is_range(span[1], span[2]):
                raise ConfigError(f"layers {part!r} is not a range of stages; write for example stage3-5")
            names += [f"stage{stage}" for stage in range(int(span[1]), int(span[2]) + 1)]
        elif part.isdigit() and names and re.fullmatch(r"stage\d+", names[-1]):
            names.append(f"stage{part}")
        else:
            names.append(part)
    return tuple(dict.fromkeys(names))


def _is_range(low: str, high: str) -> bool:
    """Whether two texts are numbers of stages, the lower one first; no network has thousands of them."""
    return high.isdecimal() and len(low) < 5 and len(high) < 5 and int(low) < int(high)


def parse_options(text: str, where: str) -> dict[str, Any]:
    """The inside of the brackets, ``tau=0.2,deltas=(0.3, 0.5)``, as names and values. Raises ConfigError."""
    options: dict[str, Any] = {}
    for part in re.split(r",\s*(?=\w+=)", text) if text else ():  # a comma may stand in a value
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name:
            example = f"{where.partition('[')[0]}[tau=0.2]"
            raise ConfigError(f"{where}: {part!r} is not option=value; write for example {example}")
        options[stored(name)] = _value(value)
    return options


def same_choice(one: str, other: str) -> bool:
    """Whether two spellings stand for the same name, layers and options."""
    try:
        return one == other or parse(one) == parse(other)
    except ConfigError:  # the beginning of a name, for example
        return False


def spell(
    name: str, layers: Iterable[str] = (), options: Mapping[str, Any] | None = None, shown: Callable[[Any], str] = str
) -> str:
    """The name, layers and options as one word, options in alphabetical order; `shown` writes a value."""
    at = "+".join(layers)
    inside = ",".join(f"{key}={shown(value)}" for key, value in sorted((options or {}).items()))
    return f"{name}{f'@{at}' if at else ''}{f'[{inside}]' if inside else ''}"


def split(text: str) -> list[str]:
    """The parts of a list at its outer commas: not those within brackets, parentheses or quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def stored(word: str) -> str:
    """An option's name or value in the spelling that rows have: ``normalise`` for ``normalize``."""
    return STORED.get(word, word)


def _value(text: str) -> Any:
    """A value as YAML or Python writes it: numbers, true, null, (0.3, 0.5), 'text'; all else is text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text == "null":
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return stored(text)

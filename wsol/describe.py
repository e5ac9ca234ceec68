"""What a component's class says of itself: its docstring in parts, its options with their values and meaning.

Docstrings are of two kinds. Methods have a title, formulas, and paragraphs that begin with `Identities:`, `Traps:` or
`Options:`; others list their options under `Attributes`. Never imports torch.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

KEYWORDS = ("Identities", "Traps", "Options")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its default, what it takes in words, and its meaning, as far as the docstring says."""

    name: str
    default: Any
    takes: str
    about: str


def parts(cls: type[Any]) -> dict[str, str]:
    """The docstring by part: title, formula (paragraphs before the first keyword), identities, traps, options.

    Parts that are missing are not in it. Line breaks inside a paragraph of words are undone, those of formulas kept.
    """
    doc = re.split(r"\n(?:Attributes|Parameters|Returns|Raises)\n-{3,}", inspect.getdoc(cls) or "")[0]
    title, _, rest = doc.partition("\n\n")
    found = {"title": _flow(title)}
    pieces = re.split(rf"(?m)^({'|'.join(KEYWORDS)}): ", rest)
    if formula := pieces[0].strip():
        found["formula"] = formula
    for keyword, text in zip(pieces[1::2], pieces[2::2], strict=True):
        found[keyword.lower()] = _flow(text)
    return found


def options(cls: type[Any], *, shared: type[Any] | None = None) -> list[Option]:
    """The options of a dataclass, own ones first, then those of `shared` that it has not."""
    own = [_option(cls, field) for field in dataclasses.fields(cls) if field.init]
    named = {option.name for option in own}
    more = [] if shared is None else [_option(shared, f) for f in dataclasses.fields(shared) if f.name not in named]
    return own + more


def attributes(cls: type[Any]) -> dict[str, str]:
    """Meaning by name, from the `Attributes` sections of the class and its bases."""
    found: dict[str, str] = {}
    for base in cls.__mro__:
        doc = inspect.cleandoc(base.__doc__ or "")
        if section := re.search(r"(?s)(?:^|\n)Attributes\n-+\n(.*?)(?=\n\n|\Z)", doc):
            for names, about in re.findall(r"(?ms)^(\w[\w, ]*?) : (.*?)(?=^\w[\w, ]*? : |\Z)", section[1]):
                for name in names.split(","):
                    found.setdefault(name.strip(), _flow(about))
    return found


def _option(cls: type[Any], field: dataclasses.Field[Any]) -> Option:
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        default = "(must be given)"
    return Option(field.name, default, _takes(cls, field), _about(cls, field.name))


def _about(cls: type[Any], name: str) -> str:
    listed = attributes(cls)
    return listed.get(name) or _clause(cls, name) or _comment(cls, name)


def _clause(cls: type[Any], name: str) -> str:
    """What the paragraph `Options:` says of one: from its name up to the next option's, parentheses left whole."""
    text = parts(cls).get("options", "")
    depth, starts = 0, []
    names = "|".join(re.escape(f.name) for f in dataclasses.fields(cls)) or "$"
    for found in re.finditer(rf"[()]|(?:(?<=^)|(?<=; )|(?<=, )|(?<=: ))(?:{names})\b", text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0 and found[0] not in "()":
            starts.append((found[0], found.start(), found.end()))
    ends = [*(start for _, start, _ in starts[1:]), len(text)]
    for (option, _, end), following in zip(starts, ends, strict=False):  # one end too many where no option is named
        if option == name:
            return text[end:following].strip(" ,;.:=")
    return ""


def _comment(cls: type[Any], name: str) -> str:
    """The comment behind the field in the source."""
    for base in cls.__mro__:
        if name in vars(base).get("__annotations__", {}):
            try:
                source = inspect.getsource(base)
            except (OSError, TypeError):
                return ""
            found = re.search(rf"(?m)^    {re.escape(name)}:[^\n#]*#\s*(.*)$", source)
            return found[1].strip() if found else ""
    return ""


def _takes(cls: type[Any], field: dataclasses.Field[Any]) -> str:
    try:
        return _words(typing.get_type_hints(cls)[field.name])
    except (NameError, KeyError, AttributeError, TypeError):
        return str(field.type)


def _words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if hint is type(None):
        return "null"
    if origin is Literal:
        return ", ".join(str(a) for a in args)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(a) for a in args)
    if origin in (tuple, list):
        return f"list of {_words(args[0])}" if args else "list"
    return str(getattr(hint, "__name__", hint))


def _flow(text: str) -> str:
    return " ".join(text.split())

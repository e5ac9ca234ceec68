"""What a component's decorator says, read from the text of its file: lists of names need no torch.

    @method("layercam", paper="Jiang et al., TIP 2021", year=2021)
    class LayerCAM: ...

is a call with values that are written out, so the syntax tree has them. Where one is computed, the file is imported.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsol.registry import Registry


@dataclass(frozen=True, slots=True)
class Declaration:
    """A class and the decorator that registers it.

    Attributes
    ----------
    name, docstring : of the class; the latter without its indentation.
    facts : the decorator's keyword arguments that are literals.
    computed : the names of its other ones.
    """

    name: str
    docstring: str
    facts: Mapping[str, Any]
    computed: frozenset[str]


def facts_of(registry: Registry[Any], decorator: Callable[..., Any], key: str, names: Sequence[str]) -> dict[str, Any]:
    """Some facts of a member, without importing its file where the text has them all.

    Parameters
    ----------
    decorator : what registers members, of the name that files use it by; its defaults count for what isn't given.
    names : keyword arguments of `decorator` that are fields of the member's `info` too; ``name`` and ``docstring`` are
        the class's.

    Raises
    ------
    UnknownName : there is no such member.
    """
    file = None if registry.is_loaded(key) else registry.file_of(key)
    stated = read_declaration(file, decorator.__name__, key) if file else None
    if stated is None or stated.computed & {*names}:
        member = registry[key]
        own = {"name": member.__name__, "docstring": inspect.getdoc(member) or ""}
        return {name: own[name] if name in own else getattr(member.info, name) for name in names}
    defaults = {name: p.default for name, p in inspect.signature(decorator).parameters.items()}
    known = {**defaults, **stated.facts, "name": stated.name, "docstring": stated.docstring}
    return {name: known[name] for name in names}


def read_declaration(file: Path, decorator: str, key: str) -> Declaration | None:
    """The class behind ``@decorator("key", ...)`` in a file; None where its text has no such call."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and _is_of(call, decorator, key):
                    return _declaration(node, call)
    return None


def _is_of(call: ast.Call, decorator: str, key: str) -> bool:
    return ast.unparse(call.func) == decorator and [_literal(argument) for argument in call.args] == [key]


def _declaration(node: ast.ClassDef, call: ast.Call) -> Declaration | None:
    facts = {keyword.arg: _literal(keyword.value) for keyword in call.keywords if keyword.arg}
    if len(facts) < len(call.keywords):  # **more: any argument may be in there
        return None
    computed = frozenset(name for name, value in facts.items() if value is ...)
    literal = {name: value for name, value in facts.items() if name not in computed}
    return Declaration(node.name, ast.get_docstring(node) or "", literal, computed)


def _literal(value: ast.expr) -> Any:
    """The value as it is written; an ellipsis where it is computed."""
    try:
        return ast.literal_eval(value)
    except ValueError:
        return ...

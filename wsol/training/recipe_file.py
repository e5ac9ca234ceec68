"""Recipe files: every value of a training with its source and how certain that is, as `conf/recipe/*.yaml` has them.

A file has a value for each field of `Recipe` that differs from its default, and cases: values for one network, one
technique or both. What a user gives (``recipe.lr=0.01``) comes before a case, a case before the file's own values.
Imports no torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from wsol.errors import ConfigError, quoted, unknown
from wsol.options import MISSING_VALUE, build, fit
from wsol.training.recipe import Recipe

Certainty = Literal["several sources", "one source", "contradictory", "probable", "own choice", "none"]
CERTAINTIES: tuple[str, ...] = get_args(Certainty)
GIVEN = "given"  # the source of what a user gave
FOREIGN = ("technique", "model", "dataset")  # cases and values may set options of these, as technique.drop
PROSE = ("name", "about", "paper", "cases", "search")
CASE = ("model", "technique")  # what a case may depend on
_HINTS: dict[str, Any] = get_type_hints(Recipe, include_extras=True)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a recipe, where it is from, and how certain that is; `value` is None where nobody says it."""

    value: Any
    source: str
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Case:
    """Values for some networks, some techniques, or both; empty is all of them."""

    model: tuple[str, ...]
    technique: tuple[str, ...]
    values: Mapping[str, Value]

    def holds(self, model: str, technique: str) -> bool:
        """Whether the case is about this network and technique."""
        return (not self.model or model in self.model) and (not self.technique or technique in self.technique)


@dataclass(frozen=True, slots=True)
class Search:
    """The range of one value in a random search.

    Attributes
    ----------
    low, high : ends of a uniform distribution, or with `log` of one that is uniform in the logarithm; `low` may be the
        name of a value that is drawn before. whole : draw whole numbers.
    choices : instead of a range, values with equal chances.
    technique : the technique it is for; "" for all.
    """

    name: str
    low: float | str
    high: float
    log: bool
    whole: bool
    choices: tuple[Any, ...]
    technique: str
    source: str
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe as its file has it."""

    name: str
    about: str
    paper: str
    values: Mapping[str, Value]
    cases: tuple[Case, ...]
    search: tuple[Search, ...]

    def chosen(self, model: str, technique: str) -> dict[str, Value]:
        """Its values for a network and a technique; `model` and `technique` are keys, without options."""
        values = dict(self.values)
        for case in self.cases:
            if case.holds(model, technique):
                values |= case.values
        return values


def read_recipe(name: str, node: Mapping[str, Any]) -> tuple[RecipeFile, dict[str, Any]]:
    """A recipe of what Hydra composed from its file, and the plain values a user gave in place of the file's.

    Raises
    ------
    ConfigError : an entry that is not a field, without value, source and certainty, or of a value that doesn't fit.
    """
    given = {key: value for key, value in node.items() if key not in PROSE and not _is_record(value)}
    values = {key: _value(key, value, name) for key, value in node.items() if key not in PROSE and key not in given}
    for key, value in given.items():
        _check(key, value, f"recipe.{key}")
    cases = tuple(_case(case, name) for case in node.get("cases") or ())
    search = tuple(_search(one, name) for one in node.get("search") or ())
    about, paper = str(node.get("about") or ""), str(node.get("paper") or "")
    return RecipeFile(name, about, paper, values, cases, search), given


def settle(
    file: RecipeFile, given: Mapping[str, Any], *, model: str, technique: str
) -> tuple[Recipe, dict[str, Value], dict[str, Any]]:
    """The recipe for a network and a technique; what is known of each of its values; options it sets for others.

    Others are ``technique.drop``, ``model.grid``, ``dataset.n``.

    Raises
    ------
    ConfigError : a value that must be there, which nobody says.
    """
    facts = file.chosen(model, technique) | {key: Value(value, GIVEN, "own choice") for key, value in given.items()}
    own = {key: fact.value for key, fact in facts.items() if "." not in key}
    for key, fact in facts.items():
        if fact.certainty == "none" and fact.value is None:
            where = key if "." in key else f"recipe.{key}"
            raise ConfigError(
                f"recipe {file.name} has no {key} for technique={technique} on {model}: {fact.source}; give {where}=..."
            )
    others = {key: fact.value for key, fact in facts.items() if "." in key}
    return build(Recipe, own, where="recipe"), facts, others


def rows_of(file: RecipeFile) -> Iterator[dict[str, Any]]:
    """A line for each value, its cases and its search, for `wsol show recipe`."""
    for case in (Case((), (), file.values), *file.cases):
        whose = " ".join(f"{key}={','.join(names)}" for key in CASE if (names := getattr(case, key)))
        for key, one in case.values.items():
            value = "(must be given)" if one.certainty == "none" and one.value is None else one.value
            yield {"for": whose, "name": key, "value": value, "certainty": one.certainty, "source": one.source}
    for search in file.search:
        span = list(search.choices) or f"{search.low} to {search.high}{', logarithmic' if search.log else ''}"
        whose = f"technique={search.technique}" if search.technique else ""
        line = {"for": f"search {whose}".strip(), "name": search.name, "value": span}
        yield {**line, "certainty": search.certainty, "source": search.source}


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping) and "value" in value


def _value(key: str, node: Mapping[str, Any], name: str) -> Value:
    where = f"recipe {name}, {key}"
    _check_parts(node, ("value", "source", "certainty"), where)
    if node["certainty"] not in CERTAINTIES:
        raise unknown(f"certainty in {where}", str(node["certainty"]), CERTAINTIES, error=ConfigError)
    if not (node["certainty"] == "none" and node["value"] is None):
        _check(key, node["value"], where)
    return Value(node["value"], str(node["source"]), node["certainty"])


def _check(key: str, value: Any, where: str) -> None:
    """Raises ConfigError for a name that is not a field, or a value that doesn't fit it."""
    if "." in key:
        if key.partition(".")[0] not in FOREIGN:
            raise ConfigError(f"{where}: a recipe may set options of {', '.join(FOREIGN)}, not {key}")
        return
    names = [field.name for field in dataclasses.fields(Recipe)]
    if key not in names:
        raise unknown("value of a recipe", f"recipe.{key}", [f"recipe.{one}" for one in names], error=ConfigError)
    if value != MISSING_VALUE:
        fit(value, _HINTS[key], where=where)


def _case(node: Mapping[str, Any], name: str) -> Case:
    when = node.get("when") or {}
    for key in when:
        if key not in CASE:
            raise unknown(f"condition in recipe {name}", str(key), CASE, error=ConfigError)
    values = {key: _value(key, value, name) for key, value in node.items() if key != "when"}
    model, technique = (_names(when.get(key)) for key in CASE)
    return Case(model, technique, values)


def _names(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(map(str, value))


def _search(node: Mapping[str, Any], name: str) -> Search:
    where = f"recipe {name}, search"
    parts = ("choices",) if "choices" in node else ("low", "high")
    _check_parts(node, ("name", *parts, "source", "certainty"), where)
    key = str(node["name"])
    _check(key, MISSING_VALUE, f"{where}: {key}")
    low, high, log = node.get("low", 0.0), float(node.get("high", 0.0)), node.get("scale", "linear") == "log"
    if "choices" not in node and not isinstance(low, str) and (low >= high or (log and low <= 0)):
        raise ConfigError(f"{where}: {key}: {low} to {high} is not a range{' of a logarithm' if log else ''}")
    return Search(
        name=key,
        low=low if isinstance(low, str) else float(low),
        high=high,
        log=log,
        whole=bool(node.get("whole", False)),
        choices=tuple(node.get("choices", ())),
        technique=str(node.get("technique", "")),
        source=str(node["source"]),
        certainty=node["certainty"],
    )


def _check_parts(node: Any, parts: Sequence[str], where: str) -> None:
    if not isinstance(node, Mapping):
        raise ConfigError(f"{where} is {quoted(node)}; write {{{', '.join(f'{part}: ...' for part in parts)}}}")
    missing = [part for part in parts if part not in node]
    if missing:
        raise ConfigError(f"{where} has no {missing[0]}; a value needs {', '.join(parts)}")

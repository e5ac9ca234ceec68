"""`wsol show`: all that is known of one method, protocol, metric, data set, recipe or technique."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from wsol.cli.options import Command
from wsol.errors import ConfigError, unknown
from wsol.options import MISSING_VALUE, SAMPLE, options_of
from wsol.report.tables.render import print_table
from wsol.report.tables.terminal import WIDTH
from wsol.settings import choices

Facts = dict[str, Any]

DESCRIPTION = """Show one thing: a method's formula, options, identities and traps; a protocol's knobs with the source
of each; a metric; a dataset; a recipe with source and certainty of each value; a training technique. Of two protocols,
the knobs in which they differ.

  wsol show method layercam
  wsol show protocol 'choe2020_v2[normalize=max]'
  wsol show protocol choe2020_v1 choe2020_v2
"""


def main(words: Sequence[str]) -> int:
    """Print what is known of one name; `--json` for machines."""
    parser = Command("show", DESCRIPTION)
    parser.add_argument("kind", help=", ".join(SHOWN))
    parser.add_argument("name", nargs="+")
    parser.add_argument("--json", action="store_true", help="print one object")
    chosen = parser.read(words)
    kind = chosen.kind.removesuffix("s")
    if kind not in SHOWN:
        raise unknown("kind of thing to show", chosen.kind, SHOWN)
    if len(chosen.name) == 2 and kind == "protocol":
        return _differences(*chosen.name, as_json=chosen.json)
    if len(chosen.name) > 1:
        raise ConfigError(f"wsol show {kind} takes one name, or for protocols two; got {' '.join(chosen.name)}")
    facts = SHOWN[kind](chosen.name[0])
    if chosen.json:
        json.dump(facts, sys.stdout, indent=1, default=str)
        print()
    else:
        _print(facts)
    return 0


def method(key: str) -> Facts:
    """Formula, options with defaults, identities, traps, paper, needs and cost of a method."""
    from wsol.methods._base import methods
    from wsol.methods._variants import variant_options

    cls = methods[key]
    info = cls.info
    return {
        "method": key,
        "name": info.name,
        "paper": info.paper,
        "year": info.year,
        "needs": sorted(info.needs),
        "layers": info.layers,
        "cost": info.cost,
        "stochastic": info.stochastic,
        "title": f"{info.title}: {info.summary}" if info.summary else info.title,
        **{part: text for part in ("formula", "identities", "traps") if (text := getattr(info, part))},
        "options": [asdict(option) for option in variant_options(cls)],
    }


def protocol(name: str) -> Facts:
    """Knobs of a protocol, each with its value and source; derived names are understood."""
    from wsol.protocols._base import named

    record = named(name)
    meaning = {option.name: option for option in options_of(type(record))}
    knobs = {
        k: {
            "value": v,
            "source": record.sources.get(k, "no source given"),
            "takes": meaning[k].takes,
            "help": meaning[k].help,
        }
        for k, v in record.knobs.items()
    }
    return {"protocol": record.name, "paper": record.paper, "knobs": knobs}


def metric(key: str) -> Facts:
    """What a metric measures, its scores and options."""
    from wsol.metrics._base import metrics

    cls = metrics[key]
    info = cls.info
    better = {True: "higher", False: "lower", None: "neither"}
    return {
        "metric": key,
        "name": info.name,
        "about": info.about,
        "paper": info.paper,
        "year": info.year,
        "needs": sorted(info.needs),
        "cost": info.cost,
        "description": inspect.getdoc(cls),
        "scores": [
            {"score": s.name, "label": s.label, "better": better[s.higher_is_better], "percent": s.percent}
            for s in cls().scores
        ],
        "options": [asdict(option) for option in (SAMPLE, *options_of(cls))],
    }


def dataset(name: str) -> Facts:
    """What a data set is and its options; for a choice in conf/ also what it sets."""
    from wsol.datasets.base import datasets
    from wsol.datasets.files import FileDataset
    from wsol.datasets.pixels import RULES, UPRIGHT

    preset = choices.content("dataset", name)
    cls = datasets[preset["name"]]
    options = [asdict(replace(o, default=preset.get(o.name, o.default))) for o in options_of(cls)]
    about = {"about": preset["about"]} if "about" in preset else {}
    files = issubclass(cls, FileDataset)
    return {
        "dataset": name,
        "reader": preset["name"],
        **about,
        **({"images": f"{RULES} {UPRIGHT[bool(preset.get('upright'))]}"} if files else {}),
        "description": inspect.getdoc(cls),
        "options": options,
    }


def recipe(name: str) -> Facts:
    """Every value of a recipe with its source and its certainty, those for single networks and techniques included."""
    from wsol.training.recipe_file import CERTAINTIES, read_recipe, rows_of

    if choices.config_file("recipe", name) is None:
        raise unknown("recipe", name, choices.config_names("recipe"), see="wsol list recipes")
    file, given = read_recipe(name, choices.content("recipe", name))
    if given:
        key, value = next(iter(given.items()))
        raise ConfigError(f"recipe {name}: {key} is {value!r} without source and certainty; write {{value: ...}}")
    paper = {"paper": file.paper} if file.paper else {}
    return {"recipe": name, "about": file.about, **paper, "certainties": CERTAINTIES, "values": [*rows_of(file)]}


def technique(key: str) -> Facts:
    """What a training technique does, its paper, the head that it needs, its options."""
    from wsol.training.technique import techniques

    cls = techniques[key]
    info = cls.info
    return {
        "technique": key,
        "name": info.name,
        "paper": info.paper,
        "year": info.year,
        "head": info.head,
        "description": inspect.getdoc(cls),
        "options": [asdict(option) for option in options_of(cls)],
    }


SHOWN: Mapping[str, Callable[[str], Facts]] = {
    "method": method,
    "protocol": protocol,
    "metric": metric,
    "dataset": dataset,
    "recipe": recipe,
    "technique": technique,
}


def _differences(first: str, second: str, *, as_json: bool) -> int:
    """Print the knobs in which two protocols differ."""
    from wsol.protocols._base import named

    one, other = named(first), named(second)
    a, b = one.knobs, other.knobs
    differing = {knob: (a[knob], b[knob]) for knob in a if a[knob] != b[knob]}
    if as_json:
        knobs = {knob: {"a": x, "b": y} for knob, (x, y) in differing.items()}
        json.dump({"a": one.name, "b": other.name, "knobs": knobs}, sys.stdout, indent=1)
        print()
    elif not differing:
        print(f"{one.name} and {other.name} have the same knobs")
    else:
        print_table([{"knob": knob, one.name: x, other.name: y} for knob, (x, y) in differing.items()])
    return 0


def _print(facts: Facts) -> None:
    """Plain facts a line each, paragraphs by their names, tables below."""
    tables = {k: v for k, v in facts.items() if k in ("options", "scores", "knobs", "values")}
    prose = {k: v for k, v in facts.items() if k in ("title", "formula", "description", "identities", "traps")}
    for key, value in facts.items():
        if key not in tables and key not in prose:
            print(f"{key}: {_text(value)}")
    for key, value in prose.items():
        print(f"\n{value}" if key in ("title", "formula", "description") else f"\n{key.capitalize()}: {value}")
    for key, table in tables.items():
        rows = [{"knob": k, **v} for k, v in table.items()] if isinstance(table, dict) else table
        if rows:
            print(f"\n{key}" if key != "knobs" else "")
            texts = [{k: _text(v) for k, v in row.items()} for row in rows]
            if "help" in rows[0] and sys.stdout.isatty():
                print(_as_paragraphs(texts, shutil.get_terminal_size((WIDTH, 24)).columns))
            else:
                print_table(texts)


def _as_paragraphs(rows: Sequence[Mapping[str, str]], width: int) -> str:
    """Options as text that fits a terminal: the name and its value, then what it takes and means, wrapped."""
    lines: list[str] = []
    for row in rows:
        (_, name), (_, value), *others = row.items()
        texts = [f"{key}: {text}" if key in ("takes", "source") else text for key, text in others if text]
        lines.append(f"{name} = {value}")
        for text in texts:
            lines += textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _text(value: Any) -> str:
    """A value as one would type it on the command line."""
    if value is None:
        return "null"
    if value == MISSING_VALUE:
        return "(must be given)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_text(v) for v in value)
    return str(value)

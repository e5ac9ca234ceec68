"""A page for each protocol, a page of all knobs with what each does to the score, from records and results."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from wsol.options import options_of
from wsol.protocols import Protocol, protocols

from .markdown import code, link, page, picture, prose, sentence, table, value
from .quantities import quantities_table
from .results import printed

STUDY = "shapes_knobs"
MEANINGS = {option.name: option for option in options_of(Protocol)}


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page of protocols."""
    for record in records():
        yield f"protocols/{record.name}", protocol_page(record)
    yield "parts/protocols", table_of_protocols()
    yield "protocols/knobs", knobs_page()


def records() -> list[Protocol]:
    """Every protocol once, whatever other names it has."""
    return [record for key, record in protocols.packaged().items() if record.name == key]


def table_of_protocols() -> str:
    rows = [
        [
            link("protocols", p.name),
            code(p.view),
            code(value(p.tau)),
            code(p.component),
            prose(p.paper),
        ]
        for p in records()
    ]
    return table(["key", "view", "threshold", "component", "paper"], rows) + "\n"


def protocol_page(record: Protocol) -> str:
    """Every knob with its value, the source of that value, and the numbers it gives."""
    from wsol.evaluation.records import protocol_quantities

    about = (sys.modules[f"wsol.protocols.{record.name}"].__doc__ or "").strip()
    others = [key for key, other in protocols.packaged().items() if other is record and key != record.name]
    knobs = [
        [f"[`{knob}`](/catalog/protocols/knobs.md#{anchor(knob)})", code(value(given)), prose(stated)]
        for knob, given in record.knobs.items()
        for stated in (record.sources.get(knob, "not stated"),)
    ]
    return page(
        f"# {prose(record.name)}",
        prose(about),
        f"Paper: {prose(record.paper)}.",
        f"Also called {', '.join(map(code, others))}." if others else "",
        "## Numbers",
        quantities_table(protocol_quantities(record)),
        "## Knobs",
        "Each knob names the rule between a raw map and a hit; its source says where the value is stated. "
        "[What a knob does to the score](/catalog/protocols/knobs.md) is measured.",
        table(["knob", "value", "source"], knobs),
        "## Use it",
        f"```sh\nwsol run protocol=[{record.name}]\nwsol show protocol {record.name}\n```",
    )


def anchor(knob: str) -> str:
    """Where the page of knobs has it."""
    return f"knob-{knob.replace('_', '-')}"


def knobs_page() -> str:
    """Every knob: its meaning, what it takes, its value in each protocol, and what changing it does to the score."""
    return page(
        "# What every knob means and does",
        "A knob is one rule of a protocol. The table below each is measured: one knob of `choe2020_v1` is changed, "
        "everything else stays as published, and the number is the paired difference of MaxBoxAcc in points, with its "
        "95 % interval, each under its own best threshold; a star marks a significant difference. "
        f"Measured on 200 embedded test images ([all numbers](/catalog/results/{STUDY}.md), "
        "`wsol run experiment=knobs`).",
        picture("one_knob", "One map under a protocol, and under the same protocol with one knob changed"),
        *(_knob(name) for name in records()[0].knobs),
    )


def _knob(name: str) -> str:
    meaning = MEANINGS[name]
    by_value: dict[str, list[str]] = {}
    for record in records():
        by_value.setdefault(value(record.knobs[name]), []).append(record.name)
    rows = [[code(v), ", ".join(link("protocols", p) for p in names)] for v, names in by_value.items()]
    return page(
        f"({anchor(name)})=",
        f"## `{name}`",
        sentence(f"{meaning.help}."),
        f"Takes {prose(meaning.takes)}.",
        table(["value", "in"], rows),
        effects(name),
    )


def effects(knob: str) -> str:
    """What the study of knobs measured for one of them; nothing where it is not among them."""
    spelling = {"normalise": "normalize", "quantise": "quantize"}.get(knob, knob)
    rows = [row for row in printed(STUDY) if row["knob"].split("=")[0] in (knob, spelling)]
    if not rows:
        return ""
    variants = [column for column in rows[0] if column != "knob"]
    lines = [[code(row["knob"]), *(row[variant].replace("*", r"\*") for variant in variants)] for row in rows]
    return table(["changed to", *map(code, variants)], lines, numbers=len(variants))

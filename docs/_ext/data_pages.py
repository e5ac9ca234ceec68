"""Datasets, views and networks, from the registries and the choices in conf/."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from wsol.cli import show
from wsol.datasets.base import datasets
from wsol.datasets.pixels import RULES
from wsol.datasets.prepare import Preparation, preparations
from wsol.models import registered
from wsol.models.registered import models
from wsol.models.torchvision import names as torchvision_names
from wsol.options import options_of
from wsol.settings import choices
from wsol.views import view_named, views

from .markdown import code, options_table, page, prose, table, value

EXIF = "EXIF turns none, since annotations are of the pixels as stored; `dataset.upright=true` turns them upright."
SIDE = 224  # of the example that counts a view's inputs


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page."""
    yield "parts/datasets", datasets_page()
    yield "parts/views", views_page()
    yield "parts/networks", networks_page()
    yield "parts/archives", archives()
    yield "parts/reading", page(prose(RULES), prose(EXIF))


def datasets_page() -> str:
    """Readers of formats, and named sets, each with its options."""
    readers = [*datasets]
    named = choices.config_names("dataset")
    return page(
        *(_dataset(name, f"## `{name}`") for name in readers),
        "## Named sets" if named else "",
        "A name for a reader with its options set." if named else "",
        *(_dataset(name, f"### `{name}`") for name in named),
    )


def archives() -> str:
    """What `wsol data prepare` takes, and whether the source's own checksums are compared."""
    rows = [
        [
            code(key),
            prose(preparation.about),
            ", ".join(map(code, _archives(preparation))),
            ", ".join(map(code, preparation.md5)) + (f" as {preparation.md5_origin} states" if preparation.md5 else ""),
        ]
        for key, preparation in sorted(preparations.items())
    ]
    return table(["name", "what it is", "archives", "MD5 compared"], rows) + "\n"


def _archives(preparation: Preparation) -> list[str]:
    """Each archive's name once."""
    return [*dict.fromkeys(name for part in preparation.parts for name in part.archives.split(" and ") if name)]


def _dataset(name: str, heading: str) -> str:
    facts = show.dataset(name)
    if name in datasets:
        return page(heading, prose(facts["description"]), options_table(facts["options"]))
    reader = facts["reader"]
    changed = {option.name: option.default for option in options_of(datasets[reader])}
    settings = [o for o in facts["options"] if o["default"] != changed[o["name"]]]
    return page(
        heading,
        f"{prose(facts.get('about', ''))}. Read by `{reader}`, with these options set:",
        table(["option", "value"], [[code(o["name"]), code(value(o["default"]))] for o in settings]),
    )


def views_page() -> str:
    """How images become network input."""
    rows = [[code(key), prose(view.about), str(view_named(key, SIDE).passes)] for key, view in views.packaged().items()]
    presets = [[code(name), prose(choices.about("view", name))] for name in choices.config_names("view")]
    blocks = [
        page(f"### `{key}`", prose(inspect.getdoc(views[key]) or ""), options_table(options_of(views[key])))
        for key in views.packaged()
    ]
    return page(
        table(["key", "what it does", "inputs per image"], rows, numbers=1),
        "## Presets",
        table(["key", "what it does"], presets),
        "## Options",
        *blocks,
    )


def networks_page() -> str:
    """Our own networks with their options; torchvision's by name."""
    own = [
        [code(name), prose(_first_paragraph(models[name].make)), ", ".join(map(code, registered.options(name)))]
        for name in models.packaged()
    ]
    return page(
        "## In the package",
        table(["key", "what it is", "options"], own),
        "## torchvision",
        " ".join(map(code, torchvision_names())),
    )


def _first_paragraph(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n\n")[0]

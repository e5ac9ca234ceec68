"""A page for each method, and the table of all of them, from the records in the registry."""

from __future__ import annotations

from collections.abc import Iterator

from wsol.methods._base import MethodInfo, methods
from wsol.methods._variants import variant_options
from wsol.settings import choices

from .formulas import explanation, statements
from .markdown import code, facts, link, options_table, page, picture, prose, sentence, table
from .results import measured

FAMILIES = {  # what a method takes, cheapest first
    "Controls": "Fixed or random by design: the floor that every method must beat.",
    "One forward pass": "Activations alone, or with the linear head behind them.",
    "One forward and one backward pass": "Activations and gradients of one layer, shared by all variants of a run.",
    "A few passes": "Further passes over the network or its last layers, a handful per image.",
    "Tens to thousands of passes": "Masks, noise or an optimization: the network is queried again for every one.",
    "Attention": "For transformers: attention probabilities, and their gradients.",
    "Ceilings": "Made of what no method knows: the most that one may hope for.",
}
PROTOCOLS = (("choe2020_v1", "maxboxacc"), ("choe2020_v2", "maxboxacc_v2"), ("choe2020_v1", "top1_loc"))
SETS = {  # table of results/: what it was measured on
    "shapes_every_method": "200 embedded test images, `shapes_gap`",
    "ilsvrc_open_mobilenet_v2": "909 ImageNet validation images, MobileNetV2",
}


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page of methods."""
    for key in methods.packaged():
        yield f"methods/{key}", method_page(key)
    yield "parts/methods", table_of_methods()


def family(info: MethodInfo) -> str:
    """Where the table of all methods has it."""
    if info.role != "method":
        return {"control": "Controls", "ceiling": "Ceilings"}[info.role]
    if "attention" in info.needs:
        return "Attention"
    if info.costly:
        return "Tens to thousands of passes"
    if info.needs <= {"activations", "head"}:
        return "One forward pass"
    return "One forward and one backward pass" if info.one_pass else "A few passes"


def table_of_methods() -> str:
    """All methods by what they take; the presets of conf/ below."""
    by_family: dict[str, list[MethodInfo]] = {name: [] for name in FAMILIES}
    for key in methods.packaged():
        by_family[family(methods[key].info)].append(methods[key].info)
    blocks = []
    for name, infos in by_family.items():
        rows = [[link("methods", i.key), prose(i.title), prose(i.summary), str(i.year), prose(i.cost)] for i in infos]
        blocks += [f"## {name}", FAMILIES[name], table(["key", "name", "what it does", "year", "passes"], rows)]
    presets = [[code(name), prose(choices.about("method", name))] for name in choices.config_names("method")]
    blocks += ["## Presets", "Methods with other options, under a name of their own.", table(["key", "what"], presets)]
    return page(*blocks)


def method_page(key: str) -> str:
    """All that is known of one method."""
    info = methods[key].info
    return page(
        f"# {prose(info.title)}",
        sentence(info.summary),
        *(f"```{{math}}\n{statement}\n```" for statement in statements(info.formula)),
        prose(explanation(info.formula)),
        "[What the letters mean](/methods.md#letters)",
        _facts(info),
        picture(f"methods/{key}", f"Maps of {info.title} on three drawn images, with their boxes"),
        picture(f"{key}_story", f"{info.title} step by step, from the layers to the box"),
        f"## Identities\n\n{sentence(info.identities)}" if info.identities else "",
        f"## Traps\n\n{sentence(info.traps)}" if info.traps else "",
        _numbers(key),
        "## Options",
        f"Options are set as `methods.{key}.OPTION=VALUE`, as `{key}[OPTION=VALUE]`, or in Python as keywords.",
        options_table(variant_options(methods[key])),
        "## Use it",
        _usage(key),
        f":::{{dropdown}} The code: wsol/methods/{key}.py\n```{{literalinclude}} /../wsol/methods/{key}.py\n```\n:::",
    )


def _facts(info: MethodInfo) -> str:
    known = {
        "Key": code(info.key),
        "Paper": prose(info.paper),
        "Needs": ", ".join(code(need) for need in sorted(info.needs)) or "nothing but the size of the image",
        "Layers": f"{code(info.layers)} when none are chosen",
        "Passes per image": prose(info.cost),
        "Random": "yes, from the run's seed and the image's id" if info.stochastic else "no",
    }
    return facts(known)


def _numbers(key: str) -> str:
    found = {data: measured(name, key, PROTOCOLS) for name, data in SETS.items()}
    head = ["variant", "MaxBoxAcc", "MaxBoxAccV2", "Top-1 Loc"]
    tables = [page(f"On {data}:", table(head, rows, numbers=3)) for data, rows in found.items() if rows]
    if not tables:
        return ""
    return page("## Numbers", "In per cent, with 95 % intervals over images ([all tables](/results.md)).", *tables)


def _usage(key: str) -> str:
    command = f"wsol run method=[{key}]"
    python = f'maps = wsol.attribute(model, images, "{key}", target=labels)'
    info = methods[key].info
    if "attention" in info.needs:
        command += " model=vit_b_16"
    if "branches" in info.needs:
        command = f"{command} model=shapes_acol\n{command} model=vgg16_gap model.head=acol model.weights=FILE"
    if "truth" in info.needs:
        return f"```sh\n{command}\n```"
    return page(
        "::::{tab-set}",
        f":::{{tab-item}} Command line\n```sh\n{command}\n```\n:::",
        f":::{{tab-item}} Python\n```python\n{python}\n```\n:::",
        "::::",
    )

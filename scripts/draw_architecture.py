"""Draw the rooms of the package and the imports between them into docs/architecture.md.

python scripts/draw_architecture.py            write the picture
python scripts/draw_architecture.py --check    say which imports run against the order, exit 1 if any does
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- picture: made by scripts/draw_architecture.py -->", "<!-- end of the picture -->"

ROOMS = {  # bottom first: a room imports only from rooms above it in this list
    "errors": "one sentence each, with the nearest name",
    "grammar": "the one spelling of a choice: name@layers[option=value]",
    "environment": "folders and versions of the installation",
    "seeding": "random numbers from a hash of names",
    "progress": "log lines and bars with the time left",
    "registry": "keys from file stems, entry points and --with files",
    "declarations": "what a decorator says, read without importing its file",
    "options": "plain values to frozen dataclasses",
    "stats": "intervals, bootstrap, paired tests, ties",
    "views": "how an image becomes network input",
    "datasets": "samples with labels, boxes and masks",
    "localization": "raw maps to boxes and hits",
    "protocols": "named records of the rules between map and hit",
    "models": "networks, layers, forward and backward passes",
    "methods": "one file per method",
    "maps": "sources of raw maps: network, fixed, stored",
    "metrics": "one file per metric",
    "training.recipe": "what a training must know beside data, network and technique",
    "training.technique": "the contract of a training technique",
    "training.techniques": "one file per technique",
    "runs": "rows at rest: Parquet, footer, gallery",
    "report.numbers": "rows to quantities",
    "report.tables": "one table record, several renderers",
    "report.figures": "plots and heat maps",
    "report.page": "the HTML page",
    "report.export": "COCO, data frames, trackers",
    "report": "the door to all of these",
    "settings": "what can be chosen, and how words choose it (Hydra)",
    "evaluation": "experiment, shards, engines",
    "training": "recipes, techniques and the loop that train a classifier",
    "published": "published tables beside ours",
    "testing": "the contract that methods and metrics keep",
    "diagnosis": "what wsol doctor finds in an installation, data and a run",
    "api": "what a notebook calls",
    "cli": "one file per command",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where an import runs backwards")
    if not parser.parse_args().check:
        PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    problems = [*backward(imports()), *circles(imports())]
    print("\n".join(problems))
    return int(bool(problems))


def imports() -> dict[str, set[str]]:
    """Module of the package to the modules it imports, in functions too, but not for type checking alone."""
    files = {_module(file): file for file in sorted((ROOT / "wsol").rglob("*.py"))}
    return {name: set(_imported(file, set(files))) for name, file in files.items()}


def room_of(module: str) -> str:
    """The room of a module: its longest prefix in `ROOMS`; the package's own face is `wsol`."""
    parts = module.split(".")[1:]
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((name for name in names if name in ROOMS), "cli" if parts == ["__main__"] else "wsol")


def backward(found: dict[str, set[str]]) -> list[str]:
    """Imports that run against the order, one sentence each. The face `wsol` may import anything, lazily."""
    order = {room: place for place, room in enumerate(ROOMS)}
    return [
        f"{module} imports {other}: {room_of(module)} stands below {room_of(other)}"
        for module, others in found.items()
        for other in sorted(others)
        if room_of(module) in order and room_of(other) in order and order[room_of(module)] < order[room_of(other)]
    ]


def circles(found: dict[str, set[str]]) -> list[str]:
    """Modules of one room that import each other in a circle, one sentence per circle."""
    done: set[str] = set()
    sentences: list[str] = []

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            sentences.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for other in sorted(found.get(module, ())):
                walk(other, [*path, module])
            done.add(module)

    for module in found:
        walk(module, [])
    return sentences


def with_picture(text: str) -> str:
    """The page with the picture between its two marks made again."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n```mermaid\n{picture()}\n```\n{END}{rest.partition(END)[2]}"


def picture() -> str:
    """A Mermaid graph of the rooms; arrows that follow from others are left out."""
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for module, others in imports().items():
        if module != "wsol":
            found.setdefault(room_of(module), set()).update(map(room_of, others))
    direct = {room: others - {room, "wsol"} for room, others in found.items()}

    def reached(room: str) -> set[str]:
        below, todo = set[str](), [*direct[room]]
        while todo:
            other = todo.pop()
            todo += direct[other] - below
            below.add(other)
        return below

    lines = ["graph TD"]
    for room, about in reversed(ROOMS.items()):
        if room in found and (direct[room] or any(room in others for others in direct.values())):
            lines.append(f'  {room.replace(".", "_")}["<b>{room}</b><br/>{about}"]')
    for room, others in direct.items():
        indirect = set().union(*(reached(other) for other in others))
        lines += [f"  {room.replace('.', '_')} --> {other.replace('.', '_')}" for other in sorted(others - indirect)]
    return "\n".join(lines)


def _module(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def _imported(file: Path, modules: set[str]) -> Iterator[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from (name for name in (inner if inner in modules else node.module,) if name in modules)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from _running(child)


if __name__ == "__main__":
    sys.exit(main())

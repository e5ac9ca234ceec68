"""Copy the tables of README.md and of pages in docs/ out of results/, so that none is typed by hand.

    python scripts/fill_readme.py

What stands between `<!-- table NAME -->` and `<!-- end -->` is replaced by lines and columns of a measured table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "which-method.md")
WHICH = {
    "one forward": (
        "kpcacam@stage5",
        "lafam@stage5",
        "eigencam@stage5",
        "fem@stage5",
        "ablationcam@stage5",
        "cam@stage5",
    ),
    "and one backward": (
        "gradcam_pp@stage5",
        "layercam@stage5",
        "layercam@stage3-5",
        "layercam@stage1-5[gamma=2]",
        "gradcam@stage5",
    ),
    "tens to hundreds of forwards": ("scorecam@stage5", "smoothgradcam_pp@stage5", "groupcam@stage5", "opticam@stage5"),
    "pixels": ("rise[samples=1000]", "occlusion", "smoothgrad", "vanillagrad", "guidedbackprop"),
    "controls": ("inputedge", "centergauss", "randomcam@stage5", "fullbox"),
}
Row = dict[str, str]


@dataclass(frozen=True)
class Excerpt:
    """Lines of a table in results/, with some of its columns."""

    source: str
    columns: tuple[str, ...]
    keep: Callable[[list[Row]], list[Row]]


def on_all_images(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["n"].startswith("500")]


def grouped(rows: list[Row]) -> list[Row]:
    """The variants of WHICH under what they cost; one that has another's maps has its numbers, too."""
    known = {row["variant"]: row for row in rows}

    def line(name: str) -> Row:
        own = known[name]
        same = next((cell[2:] for cell in own.values() if cell.startswith("= ")), name)
        return {
            column: cell if column in ("variant", "F+B", "ms") else known[same][column] for column, cell in own.items()
        }

    return [{"takes": kind, **line(name)} for kind, names in WHICH.items() for name in names]


EXCERPTS = {
    "demo": Excerpt(
        "shapes_methods",
        (
            "rank",
            "variant",
            "MaxBoxAcc V1",
            "of reachable V1",
            "Top-1 Loc V1",
            "MaxBoxAcc V2",
            "Boxes V2",
            "F+B",
        ),
        on_all_images,
    ),
    "which": Excerpt(
        "shapes_every_method", ("takes", "variant", "MaxBoxAcc V1", "MaxBoxAcc V2", "Boxes V2", "F+B", "ms"), grouped
    ),
}


def table_of(text: str) -> list[Row]:
    """The first Markdown table of a text, a mapping from head to cell for each line."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]


def markdown(columns: Sequence[str], rows: Sequence[Row]) -> str:
    numbers = [c not in ("variant", "takes") for c in columns]
    lines = [columns, ["--:" if number else "---" for number in numbers]]
    lines += [[row[c] for c in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def filled(page: str, results: Path) -> str:
    """A page with its tables as they are in `results`."""

    def table(found: re.Match[str]) -> str:
        excerpt = EXCERPTS[found[1]]
        rows = excerpt.keep(table_of((results / f"{excerpt.source}.md").read_text()))
        return f"<!-- table {found[1]} -->\n{markdown(excerpt.columns, rows)}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", table, page, flags=re.DOTALL)


def main() -> None:
    for page in PAGES:
        page.write_text(filled(page.read_text(), ROOT / "results"))


if __name__ == "__main__":
    main()

"""Findings written out: as text for a terminal, and as the page of the field's tables."""

from __future__ import annotations

from collections.abc import Sequence

from wsol.published.audit._base import Finding, Number, checks, grouped

STRENGTHS = {
    "arithmetic": "The numbers can't all be as printed",
    "chance": "They can, but only by coincidence",
    "differs": "One name, several numbers",
}
WORDS = {
    "arithmetic": "A mean that does not follow from its cells, a part that is larger than the whole, a share that is "
    "no whole number of images. A slip, another n, another average or our own misreading explains it as well as "
    "anything else; each cell names its source, to be checked.",
    "chance": "Equal rows under two names, or a cell that is no count in a table of counts. Quoting from other papers "
    "and averaging over classes give the same picture.",
    "differs": "Networks are trained anew, thresholds and classifiers differ, and a name covers several protocols. "
    "Nothing is wrong with any of them; but two of them in one table compare more than the methods.",
}
INTRO = (
    "What the published numbers in `benchmarks/` allow, and what they don't, found by `wsol audit`.",
    "The checks read the numbers alone. They say what does not fit together, never why, and nobody's intent. A cell "
    "may be misread by us: its source is in the table it is from, and corrections are welcome.",
)


def as_text(findings: Sequence[Finding], numbers: Sequence[Number]) -> str:
    """Findings for a terminal, the strongest first, and what was looked at."""
    lines = []
    for strength, group in grouped(findings, lambda finding: finding.strength):
        lines += [f"{STRENGTHS[strength]}:", *(f"  {found.check}: {_where(found)}{found.says}" for found in group), ""]
    tables = len({number.table for number in numbers})
    many = f"{len(findings)} findings" if len(findings) != 1 else "1 finding"
    lines.append(f"{many} in {len(numbers):,} numbers of {tables} table{'s' * (tables != 1)}.")
    return "\n".join(lines)


def _where(found: Finding) -> str:
    """Rows and columns, for a table of one's own."""
    cells = [number.cell for number in found.numbers if number.cell.startswith("line ")]
    return f"{'; '.join(cells)}: " if cells else ""


def as_page(findings: Sequence[Finding], numbers: Sequence[Number]) -> str:
    """The page, in Markdown."""
    tables = len({number.table for number in numbers})
    parts = ["# What the published numbers allow", *INTRO]
    parts.append(
        f"Looked at: {len(numbers):,} numbers in {tables} tables. Found: "
        + "; ".join(
            f"{len(group)} {('where ' if strength != 'differs' else '') + STRENGTHS[strength].lower()}"
            for strength, group in grouped(findings, lambda finding: finding.strength)
        )
        + "."
    )
    parts.append(
        "At n = 5,794 (CUB) 58 % of all percentages with two decimals are a whole number of images, and 87 % if they "
        "may be truncated; so one cell proves little, and a table's cells together do. At n = 50,000 (ImageNet) every "
        "one is."
    )
    for strength, group in grouped(findings, lambda finding: finding.strength):
        parts += [f"## {STRENGTHS[strength]}", WORDS[strength]]
        for name, same in grouped(group, lambda finding: finding.check):
            about = checks[name].about
            parts.append(f"### {name}\n\n{about[:1].upper()}{about[1:]}.")
            parts.append("\n".join(f"- {found.says} *({', '.join(found.tables)})*" for found in same))
    parts.append("## The checks")
    parts.append("\n".join(f"- `{name}`: {checks[name].about}." for name in checks))
    parts.append("```sh\nwsol audit\nwsol audit my_table.csv --n 5794\n```")
    return "\n\n".join(parts) + "\n"

"""`wsol report`: one self-contained page of a run, or figure files; from its rows, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wsol.cli.options import Command, number
from wsol.errors import ConfigError
from wsol.options import WholeNumber
from wsol.runs.find import open_run
from wsol.runs.write import write_text

STYLES = ("png", "svg", "pdf")
DESCRIPTION = """Write the report of a run: one HTML file with its table, curves and gallery, that needs no network.

  wsol report latest -o report.html
  wsol report latest --figures figures/ --style pdf
"""


def main(words: Sequence[str]) -> int:
    """Write the page, or with `--figures` the figures; print what was written."""
    parser = Command("report", DESCRIPTION, reads=True).with_intervals().with_failed()
    parser.add_argument("run", nargs="?", default="latest", help="a run folder, the beginning of its name, or latest")
    parser.add_argument("-o", "--out", type=Path, help="the page (default: report.html in the run folder)")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write figures for a paper into DIR instead")
    parser.add_argument("--style", default="png", help="of figures: png, svg or pdf")
    parser.add_argument(
        "--images",
        type=number(WholeNumber),
        help="at most so many images in the gallery (default: all that were kept)",
    )
    chosen = parser.read(words)
    if chosen.style not in STYLES:
        raise ConfigError(f"--style {chosen.style} is not a kind of figure; use {', '.join(STYLES)}")
    folder = open_run(chosen.run, chosen.runs)
    drawn: dict[str, Any] = {"n_resamples": chosen.resamples, "skip_failed": chosen.skip_failed}
    if chosen.figures is not None:
        from wsol.report.figures.write import write_figures

        for file in write_figures(folder, chosen.figures, style=chosen.style, **drawn):
            print(file)
        if chosen.out is None:
            return 0
    from wsol.report.page.html import render_page

    place = chosen.out or folder.path / "report.html"
    text = render_page(folder, images=chosen.images, **drawn)
    write_text(place, text, otherwise="choose another file with -o FILE")
    print(place)
    return 0

"""Sphinx extension: ``{picture} NAME`` shows docs/pictures/NAME.svg (or .png, .jpg), or nothing where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
ENDINGS = (".svg", ".png", ".jpg")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def file_of(name: str) -> Path | None:
    """The committed picture of that name."""
    return next((file for end in ENDINGS if (file := PICTURES / f"{name}{end}").is_file()), None)


class Picture(SphinxDirective):
    """A picture that a script drew, with the text that says what it shows."""

    required_arguments = 1
    option_spec = {"alt": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(PICTURES))
        file = file_of(self.arguments[0])
        if file is None:
            return []
        return [nodes.image(uri=f"/pictures/{file.relative_to(PICTURES)}", alt=self.options["alt"], classes=["drawn"])]

"""Sphinx extension: ``{picture} NAME`` shows docs/pictures/NAME.svg (or .png, .jpg), or nothing where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from .picture_files import PICTURES, file_of

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


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

"""Sphinx extension: formulas as MathML, which browsers show without a script and without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latex2mathml.converter import convert

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    _show(translator, convert(node.astext()))


def _display(translator: HTML5Translator, node: nodes.math_block) -> None:
    _show(translator, f'<div class="formula">{convert(node.astext(), display="block")}</div>')


def _show(translator: HTML5Translator, html: str) -> None:
    from docutils import nodes

    translator.body.append(html)
    raise nodes.SkipNode

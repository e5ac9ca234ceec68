"""How Sphinx builds the site: `make docs`. Nothing of it needs the network."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for _ext

from wsol import __version__  # noqa: E402

project = "wsol"
author = "The wsol authors"
copyright = author  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "_ext.board",
    "_ext.catalog",
    "_ext.docstrings",
    "_ext.mathml",
    "_ext.pictures",
    "_ext.rooms",
]
exclude_patterns = ["_build", "_ext", "tutorials", "catalog/parts"]

if any((HERE / "tutorials").glob("plot_*.py")):
    extensions.append("sphinx_gallery.gen_gallery")
sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "auto_tutorials",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,  # its page loads scripts from other hosts
    "abort_on_example_error": True,
}

myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88
default_role = "code"

html_theme = "furo"
html_title = f"wsol {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_copy_source = False
copybutton_exclude = ".linenos, .gp, .go"

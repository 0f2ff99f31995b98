"""How Sphinx builds these pages: MyST, furo, KaTeX rendered while building, the gallery drawn.

Nothing in the built pages asks another computer for anything: the styles and fonts of KaTeX
0.16.22 are in ``_static/katex``, and formulas are turned into HTML here, by the same version of
KaTeX that ``sphinxcontrib-katex`` 0.9.11 brings along (it needs Node, only to build).
"""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for gallery_pages and docstrings

project = "diffkit"
author = "diffkit developers"
copyright = author
release = version = version_of("diffkit")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.katex",
    "concept_pages",
    "drawn",
    "formula_server",
    "gallery_chapters",
    "pictures",
    "stale_pages",
]
exclude_patterns = ["_build", "README.md", "auto_gallery/*.ipynb"]
pygments_style = "friendly"
pygments_dark_style = "monokai"

# Pages ------------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "diffkit"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["diffkit.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

katex_prerender = True
katex_css_path = "katex/katex.min.css"

# Reference --------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it, with shapes
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False  # what every kind has to define is said once, of their base
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False  # parameters that share a description are listed once
add_module_names = False

# Every reference must lead somewhere, but for the words that napoleon takes for types, and for
# functions that a docstring names as its neighbours in the module.
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*"), ("py:(func|data)", r"[A-Za-z_]+")]

# Gallery ----------------------------------------------------------------------------------------

os.environ["DIFFKIT_BOOK"] = "yes"  # the pictures are taken from what is kept

sphinx_gallery_conf = {
    "examples_dirs": "../gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery_pages.scrape",),
    "capture_repr": (),
    "copyfile_regex": "",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 10**6,  # the seconds of this computer are nobody's business
    "write_computation_times": False,
}


def setup(app):
    """Prepare docstrings before napoleon (priority 500) reads them."""
    from docstrings import prepare, sign
    from joining import join

    app.connect("autodoc-process-docstring", prepare, priority=100)
    app.connect("autodoc-process-signature", sign)
    app.connect("doctree-resolved", join)

"""Settings of the site; `python scripts/build_docs.py` builds it."""

import importlib.metadata
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # for what the pages are made with

project = "meshfree"
author = "The meshfree developers"
copyright = "The meshfree developers, MIT licence"
release = importlib.metadata.version("meshfree")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["notebooks"]
nitpicky = True

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # shapes stand in the docstrings' signatures
autodoc_member_order = "bysource"

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["example_scripts"],
    "filename_pattern": r".*\.py$",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1e9,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "meshfree"
html_static_path = ["_static"]
html_css_files = ["meshfree.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "show_prev_next": True,
    "pygments_light_style": "tango",
}

"""Settings of the site; `python scripts/build_docs.py` builds it."""

import importlib.metadata
import pathlib
import re
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
nitpicky = True

myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_member_order = "bysource"

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["example_scripts"],
    "filename_pattern": r".*\.py$",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "meshfree"
html_static_path = ["_static"]
html_css_files = ["meshfree.css"]
html_show_sourcelink = False
html_sidebars = {
    name: []
    for name in ("gallery", "examples", "which_space", "when_it_fails", "numerics", "speed", "design_decisions")
}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "show_prev_next": True,
    "pygments_light_style": "tango",
}

default_role = "code"
autodoc_default_options = {"exclude-members": "check_restored"}
nitpick_ignore_regex = [
    ("py:.*", ".*")
]  # annotations name types of many packages; links of pages are checked all the same


def as_restructured_text(app, what, name, obj, options, lines):
    """Docstrings are plain text: `code`, lists and indented examples; all else is to be read as it stands."""
    text, indented = [], False
    for line in escaped("\n".join(lines)).splitlines():
        begins = line.startswith("    ") and not indented
        if begins:  # an example: a literal block
            text += ["::", ""]
        indented = line.startswith("    ") or (indented and not line.strip())
        text.append(line)
    lines[:] = text


def escaped(text: str) -> str:
    """Outside of `code` what means something in reStructuredText is taken literally; code stands on one line."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        f"\\ ``{' '.join(part[1:-1].split())}``\\ " if i % 2 else re.sub(r"([*|])|(?<=\w)_(?=\W)", r"\\\g<0>", part)
        for i, part in enumerate(parts)
    )


def with_short_names(app, what, name, obj, options, signature, returns):
    """NumPy's ArrayLike and JAX's arrays are called so."""
    union = r"(\w+\.)*_Buffer \| .*?complex \| bytes \| str\]"

    def shorter(text):
        text = re.sub(r"\b(jaxlib|jax|numpy)(\.\w+)*\.(?=Array\b|ndarray\b)", "", re.sub(union, "ArrayLike", text))
        return text.replace("ArrayLike | complex | bytes | str |", "ArrayLike |")

    return tuple(text and shorter(text) for text in (signature, returns))


def setup(app):
    app.connect("autodoc-process-signature", with_short_names)
    app.connect("autodoc-process-docstring", as_restructured_text)

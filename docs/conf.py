"""Settings of Sphinx, which makes a site of these pages and of the docstrings: `sphinx-build -W docs site`."""

import os
import re
from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # the API reference imports TensorFlow

project = "Watch your gradients"
release = version = installed_version("gradient-monitor")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["results"]
default_role = "code"  # the docstrings write `name`, as Markdown does
myst_heading_anchors = 3  # links to #headings work as they do on a forge

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_use_ivar = True

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_copyright = False


def as_restructured_text(
    app: Sphinx, what: str, name: str, documented: object, options: object, lines: list[str]
) -> None:
    """Change in a docstring what reStructuredText would take for something else.

    `|gradient|` would be a substitution, and of attributes that share a line ("gradients, weights: the monitors") only
    the last would be one.
    """
    in_attributes, changed = False, []
    for line in lines:
        in_attributes = line == "Attributes:" or (in_attributes and (not line or line.startswith(" ")))
        names = re.match(r"    (\w+(?:, \w+)+)(: .*)", line) if in_attributes else None
        changed += [f"    {one}{names[2]}" for one in names[1].split(", ")] if names else [line]
    lines[:] = [re.sub(r"(`[^`]*`)|\|(\w+)\|", lambda found: found[1] or rf"\|{found[2]}\|", line) for line in changed]


def setup(app: Sphinx) -> None:
    """Connect the function above, before napoleon reads the docstrings."""
    app.connect("autodoc-process-docstring", as_restructured_text, priority=400)

"""
The site: how Sphinx reads the pages of the repository, whose root is the source folder.

    sphinx-build -c docs -W --keep-going -n -j auto . build/site
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

project = "conv-conformance"
author = "The conv-conformance contributors"
project_copyright = "The conv-conformance contributors; code Apache-2.0, cases CC0-1.0, specification CC-BY-4.0"
language = "en"

extensions = ["myst_parser", "forge"]
source_suffix = {".md": "markdown"}
root_doc = "docs/index"
include_patterns = ["docs/**", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "cases/README.md"]
exclude_patterns = ["docs/templates"]

# Headings of every depth have the anchors that a forge gives them, which links are held against.
myst_heading_anchors = 6
# The order of a page's headings is the page's own, `## A` below `# B`; nothing of MyST's own syntax is needed.
myst_enable_extensions: list[str] = []
nitpicky = True
# `--record` stays what it is.
smartquotes = False

html_theme = "furo"
html_title = "conv-conformance"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
templates_path = ["_templates"]
# The home page lies where the repository has it; this leads there from the front door.
html_additional_pages = {"index": "front.html"}

"""The order of the site: the pages below each page, by caption, and the pages that describe folders."""

from __future__ import annotations

#: The folders of pages of cases, each beside its page.
CASES = ("conv", "conv_transpose", "depthwise_conv", "separable_conv", "numerics")
#: Pages as a toctree of Sphinx names them, from the root of the repository; a star stands for all that are not named.
NAVIGATION = {
    "docs/index": {
        "Begin": ["Tutorial </docs/tutorial>", "Readme </README>"],
        "Guides": ["/docs/guides/*", "/docs/training"],
        "Specification": ["/docs/spec/index", "/docs/cases/index"],
        "Reference": [
            "/docs/reference/format",
            "/cases/README",
            "/docs/reference/backends",
            "/docs/reference/protocol",
            "/docs/reference/cli",
            "/docs/reference/record",
            "/docs/reference/verdicts",
            "/docs/reference/faults",
            "/docs/reference/*",
        ],
        "Results": ["/docs/results/index"],
        "Project": [
            "/docs/cite",
            "/docs/decisions",
            "/docs/disputes",
            "/docs/architecture",
            "/CONTRIBUTING",
            "/CHANGELOG",
        ],
    },
    "docs/spec/index": {"": ["/docs/spec/glossary", "/docs/spec/*"]},
    "docs/cases/index": {"": ["/docs/cases/*"]},
    **{f"docs/cases/{folder}": {"": [f"/docs/cases/{folder}/*"]} for folder in CASES},
    "docs/results/index": {"": ["/docs/results/*"]},
}
#: The page that a link to a folder leads to, or to one inside it.
FOLDERS = {
    "backends": "docs/reference/backends",
    "benchmarks": "docs/results/performance",
    "cases": "cases/README",
    "cases/known": "docs/reference/ledger",
    "cases/specification": "docs/spec/index",
    "conformance": "docs/architecture",
    "tests": "docs/architecture",
}

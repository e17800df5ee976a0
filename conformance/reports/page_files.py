"""The template, style and script files of the pages."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files


def read(name: str) -> str:
    """Return the text of a file of `reports/page`."""
    return files("conv_conformance.reports").joinpath("page", name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """Return the digest of a style or script for a content security policy: `sha256-BASE64`."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

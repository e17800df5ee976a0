"""Build the bundle of a release: specification, corpus and checksums, reproducible byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import bundle
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

"""The specification as a document: its commentary, versions, citations, lock of released cases, and corpus export."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import citation
    from . import export
    from . import lock
    from . import template_filters
    from . import versions
    from .citation import Citation as Citation
    from .commentary import Area as Area
    from .commentary import Commentary as Commentary
    from .commentary import readable_areas as readable_areas
    from .commentary import check_commentary as check_commentary
    from .commentary import load_commentary as load_commentary
    from .commentary import check_specification as check_specification
    from .export import corpus_document as corpus_document
    from .lock import meaning_digest as meaning_digest
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

"""Reports drawn from a record: terminal, Markdown, JUnit, HTML, badge, and the pages of diffs and the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import badge
    from . import diff
    from . import html
    from . import junit
    from . import markdown
    from . import mutants
    from . import page_files
    from . import specification_page
    from . import terminal
    from .bare_script import script as script
    from .failure_block import block as block
    from .failure_block import parameters as parameters
    from .failure_block import small as small
    from .failure_block import told as told
    from .progress import run_progress as run_progress
    from .terminal import text as text
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

"""Reports of records (terminal, Markdown, JUnit, HTML, badge), comparisons and mutants; the specification page."""

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
    from .bare_script import script_lines as script_lines
    from .failure_block import describe_failure as describe_failure
    from .failure_block import parameter_text as parameter_text
    from .failure_block import small_arrays as small_arrays
    from .failure_block import failure_lines as failure_lines
    from .progress import run_progress as run_progress
    from .terminal import block_text as block_text
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

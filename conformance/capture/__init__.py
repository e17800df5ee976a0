"""Capture: record the convolutions of a user's program while the program runs, and write them as a case file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .call_log import Operand as Operand
    from .call_log import Sighting as Sighting
    from .call_log import Sightings as Sightings
    from .call_log import Unsayable as Unsayable
    from .call_log import bound_arguments as bound_arguments
    from .call_log import is_called_from as is_called_from
    from .call_log import log_of as log_of
    from .case_file import write_case_file as write_case_file
    from .program import capture as capture
    from .program import environment as environment
    from .program import watch_process as watch_process
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

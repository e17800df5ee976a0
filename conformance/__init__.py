"""
A framework-agnostic conformance suite for convolution layers.

The names below are the public API. Each is imported at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .core import Call as Call
    from .core import Limit as Limit
    from .core import Outputs as Outputs
    from .core import Prepared as Prepared
    from .core import Refused as Refused
    from .core import Stage as Stage
    from .core import Target as Target
    from .core import Unavailable as Unavailable
    from .core import ask as ask
else:
    from .exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

"""An expectation judges an observation: axes, shape, dtype, special values, error bounds, precision, trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import error_bound
    from . import precision
    from .difference import KEPT as KEPT
    from .difference import special as special
    from .error_bound import gradient_tolerance as gradient_tolerance
    from .error_bound import second_order_tolerance as second_order_tolerance
    from .error_bound import tolerance as tolerance
    from .error_bound import wide as wide
    from .judgement import Context as Context
    from .judgement import Judgement as Judgement
    from .judgement import judge as judge
    from .pooled_precision import Pools as Pools
    from .precision import Yardstick as Yardstick
    from .training_deviation import Run as Run
    from .training_deviation import straying as straying
    from .training_enclosure import enclosure as enclosure
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

"""Judge an observation by an expectation: axes, shape, dtype, special values, error bounds, precision, training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import error_bound
    from . import precision
    from .difference import MAX_KEPT as MAX_KEPT
    from .difference import special_kind as special_kind
    from .error_bound import gradient_tolerance as gradient_tolerance
    from .error_bound import partial_sums as partial_sums
    from .error_bound import second_order_tolerance as second_order_tolerance
    from .error_bound import tolerance as tolerance
    from .error_bound import widened as widened
    from .judgement import Context as Context
    from .judgement import Judgement as Judgement
    from .judgement import judge as judge
    from .pooled_precision import PooledResults as PooledResults
    from .precision import ErrorScale as ErrorScale
    from .training_deviation import TrainingRun as TrainingRun
    from .training_deviation import training_finding as training_finding
    from .training_enclosure import enclose_training as enclose_training
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

"""
The exact output and the exact gradients of a call, computed by two formulations that share no indexing code.

`first` computes sums tap by tap. `second` multiplies by one matrix for each spatial axis. Both use the exact arithmetic
of `exact`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .first import tap_positions
    from .first.forward import evaluate as evaluate
    from .first.forward import magnitude as magnitude
    from .first.forward import products as products
    from .first.gradients import gradient_magnitudes as gradient_magnitudes
    from .first.gradients import gradient_products as gradient_products
    from .first.gradients import gradients as gradients
    from .first.gradients import second_order as second_order
    from .first.gradients import second_order_magnitudes as second_order_magnitudes
    from .first.gradients import second_order_products as second_order_products
    from .first.sequential_sum import stepwise as stepwise
    from .second.forward import evaluate_again as evaluate_again
    from .second.gradients import gradients_again as gradients_again
    from .second.gradients import second_order_again as second_order_again
    from .training_path import convolution_matrix as convolution_matrix
    from .training_path import matrix_again as matrix_again
    from .training_path import trajectory as trajectory
    from .undefined import Undefined as Undefined
    from .undefined import check_call as check_call
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

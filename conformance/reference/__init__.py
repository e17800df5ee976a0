"""
What a call evaluates to, and its gradients, exactly, by two formulations that share no indexing.
"""

from __future__ import annotations

from .adjoint import (
    gradient_magnitudes,
    gradient_products,
    gradients,
    second_order,
    second_order_magnitudes,
    second_order_products,
)
from .again import evaluate_again
from .direct import evaluate, magnitude, products
from .stepwise import stepwise
from .transposed import gradients_again, second_order_again
from .undefined import SWITCHES, Undefined

__all__ = [
    "SWITCHES",
    "Undefined",
    "evaluate",
    "evaluate_again",
    "gradient_magnitudes",
    "gradient_products",
    "gradients",
    "gradients_again",
    "magnitude",
    "products",
    "second_order",
    "second_order_again",
    "second_order_magnitudes",
    "second_order_products",
    "stepwise",
]

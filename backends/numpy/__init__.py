"""
The adapter of NumPy. It implements the convolutions itself, because NumPy has no convolution layer.

Surface: `sliding_window_view` and matrix products. The module `sums` computes outputs, and `gradients` computes
gradients of both orders.
Modes: none. Device: `cpu`.
Arithmetic: floats up to float32 are summed in float32, float64 in float64, and the parts of complex numbers likewise.
Integers are computed in the output dtype and wrap modulo 2**n.

The adapter cannot express calls that need a compiler: `compiled` variations and inferred shapes.
The dtypes bfloat16 and float8 need the package ml_dtypes.
The adapter refuses invalid calls with the messages in `refusals`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapter import NumPy as NumPy
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

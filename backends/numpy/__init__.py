"""
The adapter of NumPy, which is an implementation of its own: NumPy has no convolution layer to call.

Surface: `sliding_window_view` and matrix products; `sums` computes outputs and `gradients` computes both orders.
Modes: none. Device: `cpu`.
Arithmetic: floats up to float32 are summed in float32, float64 in float64, complex numbers likewise.
Integers are computed in the dtype of the output, where they wrap modulo 2**n.

It cannot express what needs a compiler: `compiled` variations and inferred shapes.
bfloat16 and float8 need the package ml_dtypes.
It refuses a call by the sentences of `refusals`, for no framework refuses it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapter import NumPy as NumPy
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

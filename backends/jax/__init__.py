"""
The adapter of JAX: `jax.lax.conv_general_dilated`, which also computes transposed and depthwise convolutions.

Surface: `jax.lax`. `parameters` translates a call, `function` builds the function, `gradients` differentiates it.
Modes: operation by operation, `jit` for the whole call in one `jax.jit`, and each matmul precision of `settings`.
Gradients are those of `jax.vjp`, nested for the second order.

It cannot express, and each `Limit` of the adapter says why:
- padding modes other than zeros, for `jax.lax` pads with zeros;
- a bias, except by adding it; a bias that would broadcast is left out, for the addition would accept it;
- groups that contradict the channels of a depthwise kernel, for `feature_group_count` is derived from them;
- differences in memory, for the conversion to a JAX array copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import gradients
    from . import parameters
    from . import settings
    from .adapter import Jax as Jax
    from .state import State as State
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

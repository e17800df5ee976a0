"""
The adapter of JAX: `jax.lax.conv_general_dilated`, which also computes transposed and depthwise convolutions.

Surface: `jax.lax`. `parameters` translates a call, `function` builds the function, `gradients` differentiates it.
Modes: the default evaluates operation by operation, `jit` compiles the whole call by one `jax.jit`, and each other mode
sets a matmul precision of `settings`.
Gradients come from `jax.vjp`, and second-order gradients from nested calls of `jax.vjp`.

The adapter cannot express the following calls. Each `Limit` of the adapter holds the reason:
- padding modes other than zeros: `jax.lax` pads with zeros;
- a bias that would broadcast: `jax.lax` has no bias, and the addition that replaces it would accept such a bias;
- groups that contradict the channels of a depthwise kernel: the adapter derives `feature_group_count` from them;
- memory orders: the conversion to a JAX array copies.
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

"""
The adapter of TensorFlow: `tf.nn`, eager or inside a `tf.function`.

Surface: `tf.nn`. `parameters` translates a call, `function` builds the function, `gradients` differentiates it.
Modes: operation by operation, `graph` for the whole call in one `tf.function`, and each setting of `settings`.
Gradients are those of `tf.GradientTape`, nested for the second order.

It cannot express, and each `Limit` says why:
- padding as pairs in rank 1 or 3, for `tf.nn` takes pairs in rank 2 alone;
- input dilation, or an output in another dtype than the input, for there is no parameter;
- depthwise and separable convolutions in rank 1 or 3, for `tf.nn` has `depthwise_conv2d` and `separable_conv2d`;
- groups that differ from those that the shapes imply, for `tf.nn` infers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import gradients
    from . import settings
    from .adapter import TensorFlow as TensorFlow
    from .capture import KERNELS as KERNELS
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

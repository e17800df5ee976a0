"""
The adapter of TensorFlow: `tf.nn`, eager or inside a `tf.function`.

Surface: `tf.nn`. `parameters` translates a call, `function` builds the function, `gradients` differentiates it.
Modes: the default evaluates operation by operation, `graph` puts the whole call into one `tf.function`, and each other
mode is a setting of `settings`.
Gradients come from `tf.GradientTape`, and second-order gradients from two nested tapes.

The adapter cannot express the following calls. Each `Limit` holds the reason:
- padding as pairs in spatial rank 1 or 3: `tf.nn` accepts pairs only in rank 2;
- input dilation, or an output dtype that is not the input's: there is no parameter;
- depthwise and separable convolutions in rank 1 or 3: `tf.nn` only has `depthwise_conv2d` and `separable_conv2d`;
- groups that differ from those that the shapes imply: `tf.nn` infers them.
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

"""
The adapter of TensorFlow: `tf.nn`, eager or inside a `tf.function`.

Surface: `tf.nn`. `parameters` translates a call, `function` builds the function, `gradients` differentiates it.
Modes: operation by operation, `graph` for the whole call in one `tf.function`, and each setting of `settings`.
Gradients come from `tf.GradientTape`; second-order gradients nest two tapes.

It cannot express the following calls. Each `Limit` holds the reason:
- padding as pairs in rank 1 or 3: `tf.nn` accepts pairs only in rank 2;
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

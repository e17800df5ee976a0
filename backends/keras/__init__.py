"""
The adapter of Keras on TensorFlow, JAX and PyTorch, one target for each engine.

Surfaces: the layers of `keras.layers`, the functions of `keras.ops`, and training runs by `keras.Model.fit`.
Modes: the default uses the layers, `ops` the functions, and `fit` the layers with training runs by Keras.
The engine is part of the target's name, such as `keras-jax`. The engine computes the gradients.

The adapter cannot express the following calls. Each `Limit` holds the reason:
- padding as pairs: `padding` is a string;
- input dilation, and groups of a transposed convolution: there are no parameters for them;
- depthwise and separable convolutions of spatial rank 3: there are no such layers;
- weights whose dtype or rank differs from the layer's: the layer creates its weights itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapter import Keras as Keras
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

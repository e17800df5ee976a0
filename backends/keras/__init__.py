"""
The adapter of Keras on TensorFlow, JAX and PyTorch, one target for each engine.

Surfaces: the layers of `keras.layers`, the functions of `keras.ops`, and trainings by `keras.Model.fit`.
Modes: the layers, `ops` and `fit`. The engine is part of the target's name: `keras-jax`.
Gradients are those of the engine, by the functions of the engine's own adapter.

It cannot express, and each `Limit` says why:
- padding as pairs, for `padding` is a word;
- input dilation, for there is no parameter, and groups of a transposed convolution;
- depthwise and separable convolutions in rank 3, for there are no such layers;
- weights in another dtype than the layer's, or of another rank, for the layer makes them itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapter import Keras as Keras
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

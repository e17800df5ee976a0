"""
Every ordered pair of frameworks computes the same with weights that were translated; run as a program, in one process.

Prints the pairs that do not, and how many were tried.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import permutations
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import tensorflow as tf
import torch
from conv_conformance.calls.kernel_conversion import FRAMEWORKS, LAYOUTS, convert_kernel

try:
    from flax import linen
except ImportError:  # the only one of them that is no target
    linen = None

CHANNELS, FILTERS, MULTIPLIER, STRIDE = 3, 5, 2, 2
Array = np.ndarray[Any, Any]


def first(x: Array) -> Array:
    """Return channels-last data with its channels first."""
    return np.moveaxis(x, -1, 1)


def last(y: Any) -> Array:
    return np.moveaxis(np.asarray(y), 1, -1)


def by_torch(op: str, x: Array, w: Array) -> Array:
    name = f"conv{'_transpose' if op == 'conv_transpose' else ''}{w.ndim - 2}d"
    groups = CHANNELS if op == "depthwise_conv" else 1
    compute = getattr(torch.nn.functional, name)
    return last(compute(torch.tensor(first(x).copy()), torch.tensor(w.copy()), stride=STRIDE, groups=groups).numpy())


def by_tensorflow(op: str, x: Array, w: Array) -> Array:
    rank = w.ndim - 2
    if op == "depthwise_conv":
        return np.asarray(tf.nn.depthwise_conv2d(x, w, (1, STRIDE, STRIDE, 1), "VALID"))
    if op == "conv":
        return np.asarray(tf.nn.convolution(x, w, [STRIDE] * rank, "VALID"))
    lengths = [(n - 1) * STRIDE + k for n, k in zip(x.shape[1:-1], w.shape[:rank], strict=True)]
    return np.asarray(tf.nn.conv_transpose(x, w, (len(x), *lengths, FILTERS), STRIDE, "VALID"))


def by_keras(op: str, x: Array, w: Array) -> Array:
    compute = getattr(keras.ops, op)
    return np.asarray(keras.ops.convert_to_numpy(compute(x, w, STRIDE, "valid", data_format="channels_last")))


def by_jax(op: str, x: Array, w: Array) -> Array:
    rank = w.ndim - 2
    strides = (STRIDE,) * rank
    if op == "conv_transpose":
        return np.asarray(jax.lax.conv_transpose(jnp.asarray(x), jnp.asarray(w), strides, "VALID"))
    groups = CHANNELS if op == "depthwise_conv" else 1
    return last(jax.lax.conv_general_dilated(first(x), w, strides, "VALID", feature_group_count=groups))


def by_flax(op: str, x: Array, w: Array) -> Array:
    rank = w.ndim - 2
    terms: dict[str, Any] = {"features": w.shape[-1], "kernel_size": w.shape[:rank], "strides": (STRIDE,) * rank}
    terms |= {"padding": "VALID", "use_bias": False}
    if op == "conv_transpose":
        layer: Any = linen.ConvTranspose(**terms)
    else:
        layer = linen.Conv(**terms, feature_group_count=CHANNELS if op == "depthwise_conv" else 1)
    return np.asarray(layer.apply({"params": {"kernel": w}}, x))


#: Those that are installed: of the targets' frameworks all are.
INSTALLED = tuple(name for name in FRAMEWORKS if name != "flax" or linen is not None)
BY: dict[str, Callable[[str, Array, Array], Array]] = {
    "torch": by_torch,
    "tensorflow": by_tensorflow,
    "keras": by_keras,
    "jax": by_jax,
    "flax": by_flax,
}


def weights(rng: np.random.Generator, op: str, rank: int) -> Array:
    """Return a kernel in torch's layout."""
    taps = (4, 3, 2)[:rank]
    ends = {
        "conv": (FILTERS, CHANNELS),
        "depthwise_conv": (CHANNELS * MULTIPLIER, 1),
        "conv_transpose": (CHANNELS, FILTERS),
    }
    return rng.integers(-9, 10, (*ends[op], *taps)).astype(np.float32)


def main() -> None:
    """Try every operation, rank and ordered pair."""
    rng, tried, wrong = np.random.default_rng(1), 0, []
    for op in LAYOUTS:
        for rank in (2,) if op == "depthwise_conv" else (1, 2, 3):
            x = rng.integers(-9, 10, (*(2, 7, 6, 5)[: rank + 1], CHANNELS)).astype(np.float32)
            kernel = weights(rng, op, rank)
            own = {name: convert_kernel(kernel, op, "torch", name, channels=CHANNELS) for name in INSTALLED}
            for source, target in permutations(INSTALLED, 2):
                there = convert_kernel(own[source], op, source, target, channels=CHANNELS)
                tried += 1
                if not np.array_equal(BY[source](op, x, own[source]), BY[target](op, x, there)):
                    wrong.append(f"{op} {rank} {source} {target}")
    sys.stdout.write(f"{len(INSTALLED)} frameworks, {tried} tried, wrong: {', '.join(wrong) or 'none'}\n")


if __name__ == "__main__":
    main()

"""
Conversion of kernels between frameworks: axes are permuted, reversed, merged or split.

The layouts are the defaults of `torch.nn`; `tf.nn` and `keras.layers`; `jax.lax.conv_general_dilated` and
`jax.lax.conv_transpose`; `flax.linen`. Sources: the documentation of their weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import SPATIAL, Array

#: The kernel layouts by operation and framework. S are the spatial axes in the order D, H, W; I the input channels of
#: one group; O the output channels; C the channels of a depthwise kernel, and M the filters of each.
#: A merged depthwise kernel has O = C * M and I = 1.
LAYOUTS = {
    "conv": {"torch": "OIS", "tensorflow": "SIO", "keras": "SIO", "jax": "OIS", "flax": "SIO"},
    "depthwise_conv": {"torch": "OIS", "tensorflow": "SCM", "keras": "SCM", "jax": "OIS", "flax": "SIO"},
    "conv_transpose": {"torch": "IOS", "tensorflow": "SOI", "keras": "SOI", "jax": "SIO", "flax": "SIO"},
}
FRAMEWORKS = tuple(LAYOUTS["conv"])
#: Frameworks whose transposed convolution correlates the dilated input with the kernel as it is. The adjoint of a
#: convolution uses the flipped kernel, so that both agree if the taps of one of them are reversed.
REVERSED = ("jax", "flax")


@dataclass(frozen=True, kw_only=True)
class Route:
    """
    The conversion of a kernel from one framework to another.

    `source` and `target` are layouts with the letters of the spatial axes.
    `is_reversed` is true if the taps are reversed in every spatial axis.
    """

    source: str
    target: str
    is_reversed: bool

    @property
    def text(self) -> str:
        """The steps of the conversion for a NumPy array, such as `transpose(2, 3, 1, 0)`."""
        steps = []
        letters = self.source
        if "M" in self.source and "M" not in self.target:
            steps.append("merge C and M into O, with 1 for I")
            letters = letters.replace("CM", "IO")
        if "M" in self.target and "M" not in self.source:
            steps.append("split O into C and M, without I")
            letters = (
                "CM" + letters.replace("O", "").replace("I", "") if letters[0] == "O" else letters.replace("IO", "CM")
            )
        order = tuple(letters.index(letter) for letter in self.target)
        if order != tuple(range(len(order))):
            steps.append(f"transpose{order}")
        if self.is_reversed:
            steps.append(f"reverse {' and '.join(letter for letter in self.target if letter in 'DHW')}")
        return ", then ".join(steps) or "as it is"


def kernel_route(op: str, rank: int, source: str, target: str) -> Route:
    """
    Return the conversion of a kernel of `op` from one of `FRAMEWORKS` to another.

    `op` is `conv`, `depthwise_conv` or `conv_transpose`.

    Raises:
        ValueError: for any other operation, rank or framework.

    """
    if op not in LAYOUTS or rank not in SPATIAL or not {source, target} <= {*FRAMEWORKS}:
        supported = f"{', '.join(LAYOUTS)} of rank 1 to 3 between two of {', '.join(FRAMEWORKS)}"
        raise ValueError(
            f"cannot convert a {op} kernel of rank {rank} from {source} to {target}; supported: {supported}"
        )
    letters = [LAYOUTS[op][name].replace("S", SPATIAL[rank]) for name in (source, target)]
    is_reversed = op == "conv_transpose" and (source in REVERSED) != (target in REVERSED)
    return Route(source=letters[0], target=letters[1], is_reversed=is_reversed)


def convert_kernel(kernel: Array, op: str, source: str, target: str, *, channels: int | None = None) -> Array:
    """
    Return a kernel of the framework `source` in the layout of `target`, so that both compute the same function.

    `channels` is the number of input channels; splitting a merged depthwise kernel needs it. Grouped transposed
    convolutions cannot be converted: only PyTorch has a layout for them.

    Raises:
        ValueError: if a merged depthwise kernel must be split and `channels` is None.

    """
    route = kernel_route(op, kernel.ndim - 2, source, target)
    letters = route.source
    if "M" in route.source and "M" not in route.target:
        kernel, letters = _merged(kernel, letters)
    elif "M" in route.target and "M" not in route.source:
        if channels is None:
            raise ValueError("splitting a merged depthwise kernel needs channels")
        kernel, letters = _split(kernel, letters, channels)
    kernel = kernel.transpose([letters.index(letter) for letter in route.target])
    if route.is_reversed:
        kernel = np.flip(kernel, tuple(at for at, letter in enumerate(route.target) if letter in "DHW"))
    return np.ascontiguousarray(kernel)


def _merged(kernel: Array, letters: str) -> tuple[Array, str]:
    """Return a kernel (spatial…, C, M) as (spatial…, 1, C * M): output channel c * M + m is filter m of channel c."""
    return kernel.reshape(*kernel.shape[:-2], 1, -1), letters.replace("CM", "IO")


def _split(kernel: Array, letters: str, channels: int) -> tuple[Array, str]:
    """Return a merged kernel with the axes (C, M, spatial…)."""
    spatial = "".join(letter for letter in letters if letter in "DHW")
    moved = kernel.transpose([letters.index(letter) for letter in "OI" + spatial])
    return moved.reshape(channels, -1, *moved.shape[2:]), "CM" + spatial

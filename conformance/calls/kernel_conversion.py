"""
Conversion of kernels between frameworks: axes are permuted, reversed, merged or split.

The layouts are the default kernel layouts of `torch.nn`, `tf.nn`, `keras.layers`, `jax.lax.conv_general_dilated`,
`jax.lax.conv_transpose` and `flax.linen`, as their documentation states them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import SPATIAL, Array

#: The kernel layouts by operation and framework. S is replaced by the spatial axes in the order D, H, W. I is the axis
#: of the input channels of one group, and O is the axis of the output channels. A depthwise kernel has an axis C
#: (channels) and an axis M (filters of each channel). If these two axes are merged, O = C * M and I = 1.
LAYOUTS = {
    "conv": {"torch": "OIS", "tensorflow": "SIO", "keras": "SIO", "jax": "OIS", "flax": "SIO"},
    "depthwise_conv": {"torch": "OIS", "tensorflow": "SCM", "keras": "SCM", "jax": "OIS", "flax": "SIO"},
    "conv_transpose": {"torch": "IOS", "tensorflow": "SOI", "keras": "SOI", "jax": "SIO", "flax": "SIO"},
}
FRAMEWORKS = tuple(LAYOUTS["conv"])
#: Frameworks whose transposed convolution correlates the dilated input with the unflipped kernel. In all others, the
#: transposed convolution is the adjoint of a convolution, which uses the flipped kernel. A conversion between these two
#: kinds of frameworks reverses the taps.
REVERSED = ("jax", "flax")


@dataclass(frozen=True, kw_only=True)
class Route:
    """
    The conversion of a kernel from one framework to another.

    `source` and `target` are kernel layouts that name every spatial axis, such as `HWIO`.
    `is_reversed` is true if the conversion reverses the taps along every spatial axis.
    """

    source: str
    target: str
    is_reversed: bool

    @property
    def text(self) -> str:
        """The text of the steps that convert a NumPy array, such as `transpose(2, 3, 1, 0)`."""
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
    Return the conversion of a kernel of `op` from the framework `source` to the framework `target`.

    `op` is `conv`, `depthwise_conv` or `conv_transpose`; `source` and `target` are members of `FRAMEWORKS`.

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
    Convert a kernel from `source` to `target`, so that both frameworks compute the same function.

    `channels` is the number of input channels. It is needed only to split the axis O of a merged depthwise kernel.
    Kernels of grouped transposed convolutions cannot be converted, because only PyTorch has a layout for them.

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
    """Reshape a kernel (spatial…, C, M) to (spatial…, 1, C * M): output channel c * M + m is filter m of channel c."""
    return kernel.reshape(*kernel.shape[:-2], 1, -1), letters.replace("CM", "IO")


def _split(kernel: Array, letters: str, channels: int) -> tuple[Array, str]:
    """Split the axis O of a merged kernel; the result has the axes (C, M, spatial…)."""
    spatial = "".join(letter for letter in letters if letter in "DHW")
    moved = kernel.transpose([letters.index(letter) for letter in "OI" + spatial])
    return moved.reshape(channels, -1, *moved.shape[2:]), "CM" + spatial

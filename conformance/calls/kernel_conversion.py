"""
How a kernel goes from one framework to another: which axes are exchanged, reversed, merged.

The layouts are those in which each framework keeps or takes kernels by default: `torch.nn`; `tf.nn` and `keras.layers`;
`jax.lax.conv_general_dilated` and `jax.lax.conv_transpose`; `flax.linen`. Sources: their documentation of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import SPATIAL, Array

#: The letters of kernels by operation and framework, S for the spatial axes in the order D, H, W: I input channels of
#: one group, O output channels, C channels, M filters of each. A merged depthwise kernel has C * M under O, 1 under I.
LAYOUTS = {
    "conv": {"torch": "OIS", "tensorflow": "SIO", "keras": "SIO", "jax": "OIS", "flax": "SIO"},
    "depthwise_conv": {"torch": "OIS", "tensorflow": "SCM", "keras": "SCM", "jax": "OIS", "flax": "SIO"},
    "conv_transpose": {"torch": "IOS", "tensorflow": "SOI", "keras": "SOI", "jax": "SIO", "flax": "SIO"},
}
FRAMEWORKS = tuple(LAYOUTS["conv"])
#: Where a transposed convolution is that of the spread input by the kernel as it stands, not the adjoint: the same
#: function has its taps in reverse.
REVERSED = ("jax", "flax")


@dataclass(frozen=True, kw_only=True)
class Route:
    """
    The way of a kernel from one framework to another.

    `source` and `target` are letters with the spatial ones written out; `is_reversed` says that the taps are reversed
    in every spatial axis.
    """

    source: str
    target: str
    is_reversed: bool

    @property
    def text(self) -> str:
        """The way in words, such as `transpose(2, 3, 1, 0)`, for a kernel that NumPy holds."""
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
    Return the way of a kernel of an operation (`conv`, `depthwise_conv`, `conv_transpose`) between two of `FRAMEWORKS`.

    Raises:
        ValueError: for another operation, rank or framework.

    """
    if op not in LAYOUTS or rank not in SPATIAL or not {source, target} <= {*FRAMEWORKS}:
        ways = f"{', '.join(LAYOUTS)} in 1 to 3 axes between two of {', '.join(FRAMEWORKS)}"
        raise ValueError(f"no way for {op} in {rank} axes from {source} to {target}: there is one for {ways}")
    letters = [LAYOUTS[op][name].replace("S", SPATIAL[rank]) for name in (source, target)]
    is_reversed = op == "conv_transpose" and (source in REVERSED) != (target in REVERSED)
    return Route(source=letters[0], target=letters[1], is_reversed=is_reversed)


def convert_kernel(kernel: Array, op: str, source: str, target: str, *, channels: int | None = None) -> Array:
    """
    Return a kernel of one framework as another has it, so that both compute the same.

    `channels` counts the input channels, where a merged depthwise kernel is to be split. Kernels of grouped transposed
    convolutions have one layout, torch's: the others have none.

    Raises:
        ValueError: where a merged kernel is to be split and nobody says into how many channels.

    """
    way = kernel_route(op, kernel.ndim - 2, source, target)
    letters = way.source
    if "M" in way.source and "M" not in way.target:
        kernel, letters = _merged(kernel, letters)
    elif "M" in way.target and "M" not in way.source:
        if channels is None:
            raise ValueError("a merged depthwise kernel needs channels to be split")
        kernel, letters = _split(kernel, letters, channels)
    kernel = kernel.transpose([letters.index(letter) for letter in way.target])
    if way.is_reversed:
        kernel = np.flip(kernel, tuple(at for at, letter in enumerate(way.target) if letter in "DHW"))
    return np.ascontiguousarray(kernel)


def _merged(kernel: Array, letters: str) -> tuple[Array, str]:
    """Return a kernel (space, C, M) as (space, 1, C * M): output channel c * M + m is filter m of channel c."""
    return kernel.reshape(*kernel.shape[:-2], 1, -1), letters.replace("CM", "IO")


def _split(kernel: Array, letters: str, channels: int) -> tuple[Array, str]:
    """Return a kernel of merged output channels with its axes C, M, then space."""
    spatial = "".join(letter for letter in letters if letter in "DHW")
    moved = kernel.transpose([letters.index(letter) for letter in "OI" + spatial])
    return moved.reshape(channels, -1, *moved.shape[2:]), "CM" + spatial

"""
The call that a backend must compute, without the expected result.

A `Call` is data; its fields have the names of the case format.
Its methods compute no results. They permute arrays to the axis order of a framework, convert named padding to
(low, high) pairs, and express depthwise and separable convolutions as grouped convolutions.

This module needs only the standard library and NumPy, because workers in other environments use it too.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TypeAlias

import numpy as np

from . import storage as memory
from .storage import Array
from .training import Training
from .vocabulary import ARRAYS, DIRECTIONS, OF_OUTPUT, PADDINGS, SPATIAL, TRANSPOSED_PADDINGS

#: One pair (low, high) for each spatial axis.
Pairs: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class PerArray:
    """
    One string for each array of a call; None if the call states nothing for the array.

    The strings are layouts (`NWC`, `WIO`), dtypes (`float32`) or storages (`contiguous`, `broadcast:N`).
    """

    input: str
    kernel: str | None = None
    depthwise_kernel: str | None = None
    pointwise_kernel: str | None = None
    bias: str | None = None
    output: str | None = None


@dataclass(frozen=True, kw_only=True)
class Variation:
    """
    Another way to make the same call, which must not change the result.

    `kernel_constant`: the compiled function captures the kernel as a constant instead of receiving it as an argument.
    `dynamic_shape`: one compiled function first receives an input that is longer by 1 in each spatial axis, and then
    the input of the call.
    `inside_graph`: identity operations precede and follow the convolution in the same graph.
    `shape_inference`: the framework infers the shape and dtype of the result before it computes the result. The call
    returns the inferred shape and dtype too.
    `threads`: the number of threads that make the call at the same time.
    """

    kernel_constant: bool = False
    dynamic_shape: bool = False
    inside_graph: bool = False
    shape_inference: bool = False
    threads: int = 1

    @property
    def is_compiled(self) -> bool:
        """Whether only compiled targets support this variation."""
        return self.kernel_constant or self.dynamic_shape or self.inside_graph


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """
    One convolution: an operation, its arrays and its parameters.

    - `layout.input` names the axes of `input`, and so on for the other arrays. `bias` has one element for each output
      channel.
    - `strides`, `dilations`, `input_dilations` and `output_padding` have one entry for each spatial axis, in the order
      D, H, W, whatever the layouts.
    - `padding` is a name (`valid`, `same`, `same_lower`, `causal`, `full`) or one pair (low, high) for each spatial
      axis. For `conv_transpose`, `padding` is the padding of the forward convolution.
    - `before` is a separate step that pads the input before the convolution. It has one pair (low, high) for each
      spatial axis; negative numbers crop the input.
    - `gradients` names the arrays by which <cotangent, output> is differentiated; the call returns these gradients too.
    - A call with `training` is a training run. The run starts with `kernel` and fits the output to `target`. Each step
      of the run is a separate call with a cotangent.
    - `second_order` names the variables by which H is differentiated: `cotangent`, `input`, `kernel`. H is the sum of
      <gradient, direction> over the arrays that have a direction: the input, the kernel and, optionally, the bias.
    """

    op: str
    input: Array
    layout: PerArray
    dtype: PerArray
    strides: tuple[int, ...]
    kernel: Array | None = None
    depthwise_kernel: Array | None = None
    pointwise_kernel: Array | None = None
    bias: Array | None = None
    padding: str | Pairs = "valid"
    padding_mode: str = "zeros"
    dilations: tuple[int, ...]
    input_dilations: tuple[int, ...]
    groups: int = 1
    output_padding: tuple[int, ...]
    accumulate: str | None = None
    storage: PerArray = PerArray(input="contiguous")
    before: Pairs | None = None
    variation: Variation = Variation()
    cotangent: Array | None = None
    gradients: tuple[str, ...] = ()
    target: Array | None = None
    training: Training | None = None
    input_direction: Array | None = None
    kernel_direction: Array | None = None
    bias_direction: Array | None = None
    second_order: tuple[str, ...] = ()
    #: The arrays that `place` returned, each with a copy of its original bytes, so that a worker can detect writes.
    placed: list[tuple[Array, bytes]] = field(default_factory=list, init=False, repr=False)
    #: The value of `form`, if the code that builds the call already knows this value; else None.
    known_form: Hashable = field(default=None, init=False, repr=False)

    @property
    def form(self) -> Hashable:
        """The call without its array values. Calls of the same form can share what an adapter prepared."""
        if self.known_form is not None:
            return self.known_form
        names = (name for name in self.__dataclass_fields__ if name not in ("placed", "known_form"))
        return tuple(value.shape if isinstance(value := getattr(self, name), np.ndarray) else value for name in names)

    @property
    def rank(self) -> int:
        """The number of spatial axes: 1, 2 or 3."""
        return len(self.layout.input) - 2

    @property
    def spatial(self) -> str:
        """The letters of the spatial axes, such as `HW`."""
        return SPATIAL[self.rank]

    @property
    def directions(self) -> tuple[str, ...]:
        """The names of the arrays for which the call has a direction."""
        return tuple(name for name, direction in DIRECTIONS.items() if getattr(self, direction) is not None)

    @property
    def along(self) -> dict[str, Array]:
        """The directions, keyed by the name of the array that each direction belongs to."""
        return {name: self.array(DIRECTIONS[name]) for name in self.directions}

    @property
    def pulled(self) -> tuple[str, ...]:
        """The names of the arrays whose gradients are needed, because they are requested or because H contains them."""
        return tuple(name for name in ARRAYS if name in (*self.gradients, *self.directions))

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The grouped convolutions of the call, in order: two if the call is separable, else one."""
        if self.op in ("conv", "conv_transpose"):
            return (self._stage("kernel", self.groups),)
        channels = self.extent("input", "C")
        if self.op == "depthwise_conv":
            return (self._stage("kernel", channels),)
        ones = (1,) * self.rank
        pointwise = Stage(call=self, kernel="pointwise_kernel", groups=1, strides=ones, padding="valid", dilations=ones)
        return (self._stage("depthwise_kernel", channels), pointwise)

    def _stage(self, kernel: str, groups: int) -> Stage:
        return Stage(
            call=self,
            kernel=kernel,
            groups=groups,
            strides=self.strides,
            padding=self.padding,
            dilations=self.dilations,
        )

    def array(self, name: str) -> Array:
        """Return the array called `name`, in the layout that the call has for it."""
        array: Array | None = getattr(self, name)
        if array is None:
            raise KeyError(name)
        return array

    def letters(self, name: str) -> str:
        """Return the axis letters of an array in the layout that the call has for it, such as `NWC`."""
        own = _own(name)
        if own == "bias":
            return "O"
        letters: str | None = getattr(self.layout, own)
        if letters is None:
            raise KeyError(name)
        return letters

    def dtype_of(self, name: str) -> str:
        """
        Return the dtype of an array or of `output`.

        A cotangent or target has the dtype of the output, and a direction has the dtype of its array. If the call
        states no dtype for an array, the array has the dtype of the input. Without a stated dtype, a kernel of a
        separable convolution has the dtype stated for `kernel`, if there is one.
        """
        own: str | None = getattr(self.dtype, _own(name))
        return own or (self.dtype.kernel if "kernel" in name else None) or self.dtype.input

    def extent(self, name: str, letter: str) -> int:
        """Return the size of the axis `letter` of an array; 1 if the array has too few axes."""
        shape, at = self.array(name).shape, self.letters(name).index(letter)
        return int(shape[at]) if at < len(shape) else 1

    def extents(self, name: str) -> tuple[int, ...]:
        """Return the spatial sizes of an array, in the order D, H, W."""
        return tuple(self.extent(name, letter) for letter in self.spatial)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The spatial sizes of the input after the step `before` padded or cropped it; each is at least 0."""
        extents = self.extents("input")
        if self.before is None:
            return extents
        return tuple(max(w + low + high, 0) for w, (low, high) in zip(extents, self.before, strict=True))

    def arranged(self, name: str, letters: str) -> Array:
        """Return a view of an array with its axes in the order of `letters`."""
        return permuted(self.array(name), self.letters(name), letters)

    def place(self, name: str, letters: str) -> Array:
        """Return a copy of an array with its axes in the order of `letters`, in the storage that the call names."""
        return self._store(self.arranged(name, letters), name, letters)

    def _store(self, array: Array, name: str, letters: str) -> Array:
        placed = memory.stored(array, getattr(self.storage, name, None) or "contiguous", letters)
        owner = placed if placed.base is None else placed.base
        self.placed.append((owner, owner.tobytes()))
        return placed

    def deliver(self, output: Array, letters: str) -> Array:
        """Permute a framework's output from the axis order `letters` to the call's output layout."""
        assert self.layout.output is not None
        return permuted(output, letters, self.layout.output)

    def bring_home(self, name: str, gradient: Array, letters: str) -> Array:
        """
        Permute a gradient from the axis order `letters` to the layout of the array called `name`.

        If the axes C and M of a depthwise kernel's gradient are merged, as in `Stage.arranged_kernel`, they are split.
        """
        own = self.letters(name)
        if "M" not in own or "M" in letters:
            return permuted(gradient, letters, own)
        merged = permuted(gradient, letters, self.spatial + "IO")
        sizes = (self.extent(name, letter) for letter in self.spatial + "CM")
        return permuted(merged.reshape(*sizes), self.spatial + "CM", own)

    def release(self) -> None:
        """Delete the cached stages. They refer back to this call, and this cycle keeps the arrays in memory."""
        vars(self).pop("stages", None)

    @cached_property
    def pairs(self) -> Pairs:
        """
        The padding (low, high) of each spatial axis; for `conv_transpose`, the padding of the forward convolution.

        Raises ValueError under the same condition as `Stage.pairs`.
        """
        return self.stages[0].pairs


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """
    One grouped convolution of a call.

    The kernel has an axis I for the input channels of one group and an axis O for all output channels.
    In a grouped `conv_transpose`, axis I has all input channels, and axis O has the output channels of one group.
    """

    call: Call
    kernel: str
    groups: int
    strides: tuple[int, ...]
    padding: str | Pairs
    dilations: tuple[int, ...]

    @property
    def directed(self) -> Stage:
        """A copy of this stage that convolves with the direction of the kernel instead of the kernel."""
        return replace(self, kernel=DIRECTIONS[self.kernel])

    def arranged_kernel(self, letters: str) -> Array:
        """
        Return the kernel with its axes in the order of `letters`, such as `OIW`.

        A depthwise kernel (…, C, M) becomes (…, 1, C * M): filter m of channel c becomes output channel c * M + m.
        """
        call = self.call
        if "M" not in call.letters(self.kernel) or call.array(self.kernel).ndim != len(call.letters(self.kernel)):
            return call.arranged(self.kernel, letters)
        kernel = call.arranged(self.kernel, call.spatial + "CM")
        merged = kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1])
        return permuted(merged, call.spatial + "IO", letters)

    def place_kernel(self, letters: str) -> Array:
        """Return a copy of the kernel with its axes in the order of `letters`, in the storage that the call names."""
        return self.call._store(self.arranged_kernel(letters), self.kernel, letters)

    @property
    def window(self) -> tuple[int, ...]:
        """The extent of the dilated kernel in each spatial axis: (K - 1) * dilation + 1, or 0 if K = 0."""
        sizes = zip(self.call.extents(self.kernel), self._fitted(self.dilations), strict=True)
        return tuple((k - 1) * d + 1 if k else 0 for k, d in sizes)

    @property
    def is_padding_senseless(self) -> bool:
        """Whether the padding is a name that is not defined for this operation and rank."""
        call = self.call
        if not isinstance(self.padding, str):
            return False
        if self.padding == "causal" and call.rank > 1:
            return True
        return self.padding not in (TRANSPOSED_PADDINGS if call.op == "conv_transpose" else PADDINGS)

    @cached_property
    def pairs(self) -> Pairs:
        """
        The padding as (low, high) for each spatial axis.

        If `strides` or `dilations` has too few entries, the missing ones count as 1; surplus entries are ignored.
        A stride below 1 counts as 1.

        Raises:
            ValueError: if the padding is a name that is not defined for this operation and rank.

        """
        if not isinstance(self.padding, str):
            return self.padding
        if self.is_padding_senseless:
            raise ValueError(f"padding {self.padding} is not defined for {self.call.op} of rank {self.call.rank}")
        windows = zip(self.window, (max(stride, 1) for stride in self._fitted(self.strides)), strict=True)
        if self.call.op == "conv_transpose":
            return tuple(_crop(self.padding, window, stride) for window, stride in windows)
        axes = zip(self.call.lengths, self._fitted(self.call.input_dilations), strict=True)
        lengths = (dilated(w, q) for w, q in axes)
        return tuple(
            _pad(self.padding, length, window, stride)
            for length, (window, stride) in zip(lengths, windows, strict=True)
        )

    def _fitted(self, values: tuple[int, ...]) -> tuple[int, ...]:
        return (*values, *(1,) * self.call.rank)[: self.call.rank]


def _own(name: str) -> str:
    """Return the field of `layout` and `dtype` that describes the array `name`, such as `output` for `target`."""
    return "output" if name in OF_OUTPUT else name.removesuffix("_direction")


def permuted(array: Array, letters: str, wanted: str) -> Array:
    """
    Return a view of `array` with its axes permuted from the order `letters` to the order `wanted`.

    An array whose rank differs from its layout is returned unchanged, so that the framework can refuse it.
    """
    if letters == wanted or array.ndim != len(letters):
        return array
    return array.transpose(_order(letters, wanted))


@cache
def _order(letters: str, wanted: str) -> tuple[int, ...]:
    return tuple(letters.index(letter) for letter in wanted)


def dilated(length: int, dilation: int) -> int:
    """Return the length of an axis after `dilation - 1` zeros are inserted between neighbouring elements."""
    return (length - 1) * dilation + 1 if length else 0


def _pad(padding: str, length: int, window: int, stride: int) -> tuple[int, int]:
    if padding == "valid":
        return (0, 0)
    if padding == "causal":
        return (window - 1, 0)
    if padding == "full":
        return (window - 1, window - 1)
    total = max((-(-length // stride) - 1) * stride + window - length, 0)
    low = total // 2 if padding == "same" else total - total // 2
    return (low, total - low)


def _crop(padding: str, window: int, stride: int) -> tuple[int, int]:
    if padding == "valid":
        return (0, 0)
    excess = max(window - stride, 0)
    low = excess // 2 if padding == "same" else excess - excess // 2
    return (low, window - stride - low)

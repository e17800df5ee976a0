"""
Named rules over calls.

The key `when` of a clause lists rules; the clause leaves a choice for the calls that meet these rules. The key `where`
of a sweep lists the rules that the points of the sweep must meet. A rule is a predicate; its name or docstring states
when it holds. A rule may read the shapes and parameters of a call. A rule that also reads array values has "(a value)"
in its docstring. This is a warning, because a sweep may apply the rule while generated integers are still zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from ..core import COMPLEX_PARTS, DTYPES, FORMATS, is_integer

if TYPE_CHECKING:
    from ..core import Array, Call, Pairs

Rule: TypeAlias = Callable[["Call"], bool]

#: The rule with this name drops points whose parameters contradict each other, because no call can be built from them.
SENSIBLE = "has-a-meaning"


def _window_fits(call: Call) -> bool:
    """In every axis, the window is not longer than the padded input."""
    return all(size >= window for size, window in zip(_padded(call), call.stages[0].window, strict=True))


def _output_not_empty(call: Call) -> bool:
    """The output has no spatial axis of length 0."""
    return min(_lengths_out(call)) > 0


def _groups_divide(call: Call) -> bool:
    """The number of groups divides the input channels and the filters."""
    produced = call.extent("kernel", "O") if call.op == "conv" else 0
    return call.extent("input", "C") % call.groups == 0 and produced % call.groups == 0


def _same(call: Call) -> bool:
    """The padding is `same` or `same_lower`."""
    return call.padding in ("same", "same_lower")


def _same_with_stride(call: Call) -> bool:
    """The padding of a forward convolution is `same` or `same_lower`, and a stride is not 1."""
    return _same(call) and call.op != "conv_transpose" and max(call.strides) > 1


def _unequal_padding(call: Call) -> bool:
    """Low and high padding differ in an axis."""
    return any(low != high for low, high in call.pairs)


def _negative_padding(call: Call) -> bool:
    """A forward convolution has a negative padding, which crops the input."""
    return call.op != "conv_transpose" and _has_negative(call.padding)


def _transposed_negative_padding(call: Call) -> bool:
    """A transposed convolution has a negative padding, which extends the output."""
    return call.op == "conv_transpose" and _has_negative(call.padding)


def _has_negative(padding: str | Pairs) -> bool:
    return not isinstance(padding, str) and any(min(pair) < 0 for pair in padding)


def _transposed_valid_with_gaps(call: Call) -> bool:
    """A transposed convolution has `valid` padding and, in some axis, a window shorter than the stride."""
    windows = zip(call.stages[0].window, call.strides, strict=True)
    return call.op == "conv_transpose" and call.padding == "valid" and any(window < s for window, s in windows)


def _output_padding_past_the_window(call: Call) -> bool:
    """An output padding is at least max(stride, dilation)."""
    sizes = zip(call.output_padding, call.strides, call.dilations, strict=True)
    return call.op == "conv_transpose" and any(extra and extra >= max(s, d) for extra, s, d in sizes)


def _output_padding_past_the_stride(call: Call) -> bool:
    """An output padding is at least the stride, but less than the dilation."""
    sizes = zip(call.output_padding, call.strides, call.dilations, strict=True)
    return not _output_padding_past_the_window(call) and any(extra and s <= extra < d for extra, s, d in sizes)


def _transposed_over_nothing(call: Call) -> bool:
    """A transposed convolution has a stride above 1 along an axis of length 0."""
    steps = zip(call.lengths, call.strides, strict=True)
    return call.op == "conv_transpose" and any(w == 0 and s > 1 for w, s in steps)


def _past_the_input(call: Call, mode: str, spare: int) -> bool:
    longest = zip(call.pairs, call.lengths, strict=True)
    return call.padding_mode == mode and any(max(pair) > length - spare for pair, length in longest)


def _window_longer_than_input(call: Call) -> bool:
    """The window of a forward convolution is longer than the padded input, whose length is not zero."""
    if call.op == "conv_transpose" or 0 in call.lengths:
        return False
    return not _window_fits(call)


def _gradients(call: Call) -> bool:
    """The call requests gradients in addition to the output."""
    return bool(call.gradients)


def _dilated(call: Call) -> bool:
    """A dilation is not 1."""
    return max(call.dilations) > 1


def _stride_with_dilation(call: Call) -> bool:
    """A stride and a dilation are not 1."""
    return max(call.strides) > 1 and max(call.dilations) > 1


def _depthwise_with_unequal_strides(call: Call) -> bool:
    """A depthwise or separable convolution has strides that differ between the axes."""
    return call.op in ("depthwise_conv", "separable_conv") and len(set(call.strides)) > 1


def _mixed_dtypes(call: Call) -> bool:
    """A kernel has another dtype than the input."""
    names = [getattr(call.dtype, name) for name in _kernels(call)]
    return any(name not in (None, call.dtype.input) for name in names)


def _no_filters(call: Call) -> bool:
    """The kernel has no output channels."""
    letter, name = ("M", "kernel") if call.op == "depthwise_conv" else ("O", _kernels(call)[-1])
    return call.extent(name, letter) == 0


def _nonfinite_kernel_over_zeros(call: Call) -> bool:
    """A kernel of a forward convolution holds a NaN or an infinity (a value); zeros are around or between elements."""
    import numpy as np

    if call.op == "conv_transpose":
        return False
    around = call.padding_mode == "zeros" and any(max(pair) > 0 for pair in call.pairs)
    between = any(by > 1 and length > 1 for by, length in zip(call.input_dilations, call.lengths, strict=True))
    return (around or between) and any(not np.isfinite(array).all() for array in _floats(call, _kernels(call)))


def _transposed_nonfinite_kernel(call: Call) -> bool:
    """The kernel of a transposed convolution has a NaN or infinite element (a value)."""
    import numpy as np

    return call.op == "conv_transpose" and any(not np.isfinite(array).all() for array in _floats(call, ["kernel"]))


def _negative_zero(call: Call) -> bool:
    """An array holds -0.0 (a value)."""
    import numpy as np

    with np.errstate(invalid="ignore"):  # comparing a NaN of a narrow float warns
        return any(bool((np.signbit(array) & (array == 0)).any()) for array in _floats(call, _arrays(call)))


def _subnormal(call: Call) -> bool:
    """An array holds a subnormal number (a value), or a product of input and kernel may be one."""
    least = 2.0 ** FORMATS[_real(call.dtype.input)].min_exponent if not is_integer(call.dtype.input) else 0.0
    smallest = [_smallest(array) for array in _floats(call, _arrays(call))]
    product = smallest[0] * min(smallest[1 : 1 + len(_kernels(call))]) if len(smallest) > 1 else 1.0
    return any(0 < size < least for size in (*smallest, product))


def _smallest(array: Array) -> float:
    """Return the smallest magnitude of a non-zero element, or 1 if there is none."""
    import numpy as np

    with np.errstate(invalid="ignore"):  # a signalling NaN is converted like any other
        sizes = np.abs(array.astype(np.float64))
    return float(np.min(sizes, initial=1.0, where=sizes > 0))


def _real(dtype: str) -> str:
    return COMPLEX_PARTS.get(dtype, dtype)


def _floats(call: Call, names: list[str]) -> Iterator[Array]:
    """Yield the non-integer arrays. Complex arrays are split into two parts; axes of stride 0 are cut to one index."""
    for name in names:
        array = call.array(name)
        array = array[tuple(slice(None if stride else 1) for stride in array.strides)]
        if array.dtype.kind == "c":
            yield array.real
            yield array.imag
        elif array.dtype.kind not in "iu":
            yield array


def _kernels(call: Call) -> list[str]:
    return ["depthwise_kernel", "pointwise_kernel"] if call.op == "separable_conv" else ["kernel"]


def _arrays(call: Call) -> list[str]:
    return ["input", *_kernels(call), *(["bias"] if call.bias is not None else [])]


def _padded(call: Call) -> tuple[int, ...]:
    lengths = zip(call.lengths, call.input_dilations, call.pairs, strict=True)
    return tuple(max((w - 1) * q + 1 if w else 0, 0) + low + high for w, q, (low, high) in lengths)


def _lengths_out(call: Call) -> tuple[int, ...]:
    windows = zip(call.stages[0].window, call.strides, strict=True)
    if call.op != "conv_transpose":
        return tuple((size - k) // s + 1 for size, (k, s) in zip(_padded(call), windows, strict=True))
    sizes = zip(call.lengths, windows, call.pairs, call.output_padding, strict=True)
    return tuple((w - 1) * s + k - low - high + extra for w, (k, s), (low, high), extra in sizes)


#: All rules of the case format.
RULES: Mapping[str, Rule] = {
    # Lengths
    "window-fits": _window_fits,
    "output-not-empty": _output_not_empty,
    "window-longer-than-input": _window_longer_than_input,
    "zero-length-input": lambda call: 0 in call.lengths,
    "zero-batch": lambda call: call.extent("input", "N") == 0,
    "zero-channels": lambda call: call.extent("input", "C") == 0,
    "zero-filters": _no_filters,
    "zero-taps": lambda call: 0 in call.extents(_kernels(call)[0]),
    # Channels
    "groups-divide": _groups_divide,
    "grouped": lambda call: call.groups > 1,
    # Padding
    "same": _same,
    "same-lower": lambda call: call.padding == "same_lower",
    "same-with-stride": _same_with_stride,
    "causal": lambda call: call.padding == "causal",
    "full": lambda call: call.padding == "full",
    "unequal-padding": _unequal_padding,
    "negative-padding": _negative_padding,
    "reflect-past-the-input": lambda call: _past_the_input(call, "reflect", 1),
    "circular-past-the-input": lambda call: _past_the_input(call, "circular", 0),
    # Strides and dilations
    "stride-with-dilation": _stride_with_dilation,
    "stride-without-dilation": lambda call: max(call.strides) == 1 or max(call.dilations) == 1,
    "equal-strides": lambda call: len(set(call.strides)) == 1,
    "depthwise-with-unequal-strides": _depthwise_with_unequal_strides,
    # Transposed
    "transposed-nothing-left": lambda call: call.op == "conv_transpose" and min(_lengths_out(call)) <= 0,
    "transposed-over-nothing": _transposed_over_nothing,
    "transposed-negative-padding": _transposed_negative_padding,
    "transposed-valid-with-gaps": _transposed_valid_with_gaps,
    "output-padding-past-the-window": _output_padding_past_the_window,
    "output-padding-past-the-stride": _output_padding_past_the_stride,
    # Gradients
    "gradients": _gradients,
    "dilated": _dilated,
    # Dtypes and values
    "mixed-dtypes": _mixed_dtypes,
    "integer-dtype": lambda call: is_integer(call.dtype.input),
    "nonfinite-kernel-over-zeros": _nonfinite_kernel_over_zeros,
    "transposed-nonfinite-kernel": _transposed_nonfinite_kernel,
    "negative-zero": _negative_zero,
    "subnormal": _subnormal,
    **{
        f"dtype-{name.replace('_', '-')}": lambda call, name=name: call.dtype.input == name  # type: ignore[misc]
        for name in DTYPES
    },
}

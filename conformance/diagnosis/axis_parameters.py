"""The parameters of a call for one spatial axis, and the geometry that the definition derives from them."""

from __future__ import annotations

from dataclasses import dataclass

from ..core import Call, dilated
from .axis import Axis


@dataclass(frozen=True, kw_only=True)
class Setting:
    """
    The parameters of a call for one spatial axis.

    `padding` is a string such as `same`, or the amounts (low, high). A transposed convolution crops by these amounts.
    """

    length: int
    taps: int
    stride: int
    dilation: int
    input_dilation: int
    padding: str | tuple[int, int]
    mode: str
    output_padding: int
    ahead: tuple[int, int]
    transposed: bool

    @property
    def window(self) -> int:
        """The number of positions that a window spans."""
        return (self.taps - 1) * self.dilation + 1 if self.taps else 0

    @property
    def places(self) -> int:
        """The number of positions after the padding step and input dilation, without the amounts of `padding`."""
        return dilated(max(self.length + sum(self.ahead), 0), self.input_dilation)

    @property
    def pair(self) -> tuple[int, int]:
        """The amounts (low, high) of the padding, or of a transposed convolution's crop."""
        if not isinstance(self.padding, str):
            return self.padding
        if self.transposed:
            return self._crop
        return padded(self.padding, self.places, self.window, self.stride)

    @property
    def _crop(self) -> tuple[int, int]:
        if self.padding == "valid":
            return 0, 0
        excess = self.window - self.stride
        if excess <= 0:
            return 0, excess
        low = (excess + (self.padding == "same_lower")) // 2
        return low, excess - low

    @property
    def axis(self) -> Axis:
        """
        The geometry that the definition derives from the parameters.

        For a transposed convolution, this is the geometry of the equivalent convolution over the dilated input.
        """
        low, high = self.pair
        if not self.transposed:
            return Axis(
                length=self.length,
                taps=self.taps,
                stride=self.stride,
                dilation=self.dilation,
                spacing=self.input_dilation,
                low=low,
                high=high,
                mode=self.mode,
                ahead=self.ahead,
            )
        around = self.window - 1
        return Axis(
            length=self.length,
            taps=self.taps,
            dilation=self.dilation,
            spacing=self.stride,
            low=around - low,
            high=around - high + self.output_padding,
            ahead=self.ahead,
        )


def padded(word: str, length: int, window: int, stride: int) -> tuple[int, int]:
    """Return the amounts (low, high) that the padding string `word`, such as `same`, stands for."""
    if word == "valid":
        return 0, 0
    if word in ("causal", "full"):
        return window - 1, (window - 1) * (word == "full")
    total = max((-(-length // stride) - 1) * stride + window - length, 0)
    low = (total + (word == "same_lower")) // 2
    return low, total - low


def settings(call: Call, kernel: str) -> tuple[Setting, ...]:
    """Return the parameters of a call for each spatial axis; `kernel` is the name of the kernel with spatial taps."""
    paddings = [call.padding] * call.rank if isinstance(call.padding, str) else list(call.padding)
    ahead = call.before or ((0, 0),) * call.rank
    return tuple(
        Setting(
            length=length,
            taps=taps,
            stride=call.strides[at],
            dilation=call.dilations[at],
            input_dilation=call.input_dilations[at],
            padding=paddings[at],
            mode=call.padding_mode,
            output_padding=call.output_padding[at],
            ahead=ahead[at],
            transposed=call.op == "conv_transpose",
        )
        for at, (length, taps) in enumerate(zip(call.extents("input"), call.extents(kernel), strict=True))
    )

"""
What an adapter is made of.

An adapter is a class with metadata, `limits` and `prepare`; see `Backend`.
Needs the standard library and NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from .call import Call
from .storage import Array

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Target:
    """
    A target as it is written, `name[+mode][@device]`: `torch+compile@cuda:1`.

    `mode` is empty for the plain target, `device` is `cpu` unless another is named.
    """

    name: str
    mode: str = ""
    device: str = "cpu"

    def __str__(self) -> str:
        mode = f"+{self.mode}" if self.mode else ""
        device = f"@{self.device}" if self.device != "cpu" else ""
        return f"{self.name}{mode}{device}"


class Limit(NamedTuple):
    """Something that an API has no words for: the reason names the missing parameter, `holds(call)` says where it applies."""

    reason: str
    holds: Callable[[Call], bool]


class Outputs(NamedTuple):
    """
    What a call returned.

    `arrays` maps where (`output`) to a NumPy array in the call's own layout; a call with `gradients` has also
    `gradient.input` and so on, each in the layout and dtype of the array that it is the gradient of, and one with
    `second_order` has `second.cotangent` and so on;
    a call with `variation.shape_inference` has also `inference`, of which only shape and dtype count.
    A training has `kernels` (steps + 1, then the axes of the kernel) and `losses` (steps + 1) alone, in the dtype in
    which the kernel was kept: before the first update and after each.
    `call` is what was asked of the framework, as an expression that can be pasted; in it `input`, `kernel`, `bias`…
    are the NumPy arrays of the case.
    `composed` marks a composition of the framework's operations where it has no single call.
    """

    arrays: Mapping[str, Array]
    call: str = ""
    composed: bool = False


@dataclass(frozen=True)
class Prepared:
    """
    The closure that makes a call, with the words of the call, so that one which raises or ends the process has them.

    `call` is as that of `Outputs`, which has it from here unless it has one.
    """

    make: Callable[[], Outputs]
    call: str = ""

    def __call__(self) -> Outputs:
        """Make the call."""
        outputs = self.make()
        return outputs._replace(call=outputs.call or self.call)


class Refused(Exception):
    """Raised by an adapter that is itself the implementation, to refuse a call; counts as *raised*."""


class Unavailable(Exception):
    """Raised while a backend is made: its framework, mode or device is not there."""


class Raised(Exception):
    """The framework raised inside `ask`; `__cause__` is what it raised."""


def ask(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Call into a framework: what raises in here is the framework's doing, anything else is the suite's.

    Raises:
        Raised: from whatever the framework raised.

    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise Raised from error


class Backend(Protocol):
    """
    One target: a framework in one mode on one device.

    Constructed as `Class(target)`, or as `Class()` if it defines no `__init__`.
    The framework is imported in there, never at the top of the module.
    Only `framework` and `prepare` must be there; the engine has defaults for the rest.
    """

    #: What is under test, such as `torch`.
    framework: str
    #: Its version.
    version: str
    #: Names of the modules that must be importable (a class attribute).
    requires: Sequence[str]
    #: Modes and what each does, for the user (a class attribute).
    modes: Mapping[str, str]
    #: What the API has no words for.
    limits: Sequence[Limit]
    #: Settings that decide the numbers, as found: thread counts, flags, environment variables.
    settings: Mapping[str, str]
    #: The dtype that this mode returns where the call's own is another, such as {"float32": "bfloat16"}.
    result_dtypes: Mapping[str, str]
    #: The class of rounding that the framework documents for this mode on this device, by the input's dtype, where it
    #: is lower than its dtype's own, such as {"float32": "tf32-like"}.
    precision: Mapping[str, str]
    #: Whether it answers calls with `gradients`; if not, such a call is unsupported.
    differentiates: bool
    #: Whether it answers calls with `second_order`; if not, such a call is unsupported.
    differentiates_twice: bool

    #: How it trains by a training of its own; None where each step is a call and its gradient.
    fit: Callable[[Call], Callable[[], Outputs]] | None

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """
        Permute, rename and place what the call needs; return the closure that makes it, or one with words: `Prepared`.

        Whatever the framework may refuse runs inside the closure, each step through `ask`.
        """


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What the engine takes for attributes that a backend does not define."""

    version: str = "?"
    requires: Sequence[str] = ()
    modes: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[Limit] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    result_dtypes: Mapping[str, str] = field(default_factory=dict)
    precision: Mapping[str, str] = field(default_factory=dict)
    differentiates: bool = False
    differentiates_twice: bool = False
    fit: Callable[[Call], Callable[[], Outputs]] | None = None


DEFAULTS = Defaults()


def backend_attribute(backend: Any, name: str) -> Any:
    """Return an attribute of a backend, or the engine's default for it."""
    return getattr(backend, name, getattr(DEFAULTS, name))

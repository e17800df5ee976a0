"""
The interface of an adapter.

An adapter is a class with metadata, `limits` and a method `prepare`, as `Backend` describes.
This module needs only the standard library and NumPy.
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
    A target: a framework, a mode and a device, written `name[+mode][@device]`, such as `torch+compile@cuda:1`.

    `mode` is empty if the target names no mode; `device` is `cpu` if the target names no device.
    """

    name: str
    mode: str = ""
    device: str = "cpu"

    def __str__(self) -> str:
        mode = f"+{self.mode}" if self.mode else ""
        device = f"@{self.device}" if self.device != "cpu" else ""
        return f"{self.name}{mode}{device}"


class Limit(NamedTuple):
    """A class of calls that an API cannot express: `holds(call)` is true, and `reason` names the missing parameter."""

    reason: str
    holds: Callable[[Call], bool]


class Outputs(NamedTuple):
    """
    The arrays that a call returned.

    `arrays` maps names to NumPy arrays:

    - `output` has the output layout of the call.
    - A call with `gradients` also returns `gradient.input` and so on. Each gradient has the layout and dtype of its
      array.
    - A call with `second_order` also returns `second.cotangent` and so on.
    - A call with `variation.shape_inference` also returns `inference`; only its shape and dtype are compared.
    - A training run returns only `kernels`, of shape (steps + 1, *kernel.shape), and `losses`, of shape (steps + 1,).
      Both hold the values before the first update and after each update, in the dtype in which the kernel was kept.

    `call` is the framework's call as an expression that can be pasted. Its variables `input`, `kernel`, `bias` and so
    on are the NumPy arrays of the case.

    `composed` is true if the adapter composed several operations because the framework has no single call for it.
    """

    arrays: Mapping[str, Array]
    call: str = ""
    composed: bool = False


@dataclass(frozen=True)
class Prepared:
    """
    A closure that makes a call, and the text of the call.

    Reports need the text even if the call raises or ends the process.
    `call` has the same meaning as `Outputs.call`, and is used if `Outputs.call` is empty.
    """

    make: Callable[[], Outputs]
    call: str = ""

    def __call__(self) -> Outputs:
        """Make the call and return its outputs."""
        outputs = self.make()
        return outputs._replace(call=outputs.call or self.call)


class Refused(Exception):
    """Raised by an adapter that computes convolutions itself, to refuse a call; the outcome is `raised`."""


class Unavailable(Exception):
    """Raised by the constructor of a backend if its framework, mode or device is missing."""


class Raised(Exception):
    """Raised by `ask` if the framework raised; `__cause__` is the exception of the framework."""


def ask(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Call a function of the framework and raise its exceptions as `Raised`; exceptions elsewhere are faults of the suite.

    Raises:
        Raised: if the function raises any exception.

    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise Raised from error


class Backend(Protocol):
    """
    One target: a framework in one mode on one device.

    The engine constructs a backend as `Class(target)`, or as `Class()` if the class defines no `__init__`.
    The constructor must import the framework; the adapter's module must not import it at module level.
    Only `framework` and `prepare` are required; the engine has defaults for the other attributes.
    """

    #: The name of the framework under test, such as `torch`.
    framework: str
    #: The version of the framework.
    version: str
    #: Names of the modules that must be importable (a class attribute).
    requires: Sequence[str]
    #: Maps the name of each mode to the description that the user reads (a class attribute).
    modes: Mapping[str, str]
    #: The calls that the API cannot express.
    limits: Sequence[Limit]
    #: The settings that affect results, with their current values: thread counts, flags, environment variables.
    settings: Mapping[str, str]
    #: Maps a requested output dtype to the dtype that this mode returns instead, such as {"float32": "bfloat16"}.
    result_dtypes: Mapping[str, str]
    #: The precision class that the framework documents for this mode on this device, by input dtype, such as
    #: {"float32": "tf32-like"}. Only classes that are lower than the precision of the dtype are listed.
    precision: Mapping[str, str]
    #: Whether the backend computes `gradients`; if not, calls that request gradients are unsupported.
    differentiates: bool
    #: Whether the backend computes second-order gradients; if not, calls with `second_order` are unsupported.
    differentiates_twice: bool

    #: Whether calls that the framework cannot make commonly end the process. Then every call is made, however many
    #: calls before it have ended a worker.
    fragile: bool

    #: Like `prepare`, for a call with a `training`: the closure runs the framework's own training loop. If `fit` is
    #: None, the engine makes each step of the training run by a call with gradients.
    fit: Callable[[Call], Callable[[], Outputs]] | None

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """
        Permute, rename and place the arrays; return a closure that makes the call, or a `Prepared`.

        Every step that the framework may refuse must run inside the closure, through `ask`.
        """


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """The engine's defaults for attributes that a backend does not define."""

    version: str = "?"
    requires: Sequence[str] = ()
    modes: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[Limit] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    result_dtypes: Mapping[str, str] = field(default_factory=dict)
    precision: Mapping[str, str] = field(default_factory=dict)
    differentiates: bool = False
    differentiates_twice: bool = False
    fragile: bool = False
    fit: Callable[[Call], Callable[[], Outputs]] | None = None


DEFAULTS = Defaults()


def backend_attribute(backend: Any, name: str) -> Any:
    """Return an attribute of a backend, or the engine's default for it."""
    return getattr(backend, name, getattr(DEFAULTS, name))

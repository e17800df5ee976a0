"""
The interface of an adapter.

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
    A target: a framework, a mode and a device, written `name[+mode][@device]`, such as `torch+compile@cuda:1`.

    `mode` is empty for the plain target; `device` is `cpu` unless another device is named.
    """

    name: str
    mode: str = ""
    device: str = "cpu"

    def __str__(self) -> str:
        mode = f"+{self.mode}" if self.mode else ""
        device = f"@{self.device}" if self.device != "cpu" else ""
        return f"{self.name}{mode}{device}"


class Limit(NamedTuple):
    """Calls that an API cannot express: `reason` names the missing parameter, `holds(call)` is true for these calls."""

    reason: str
    holds: Callable[[Call], bool]


class Outputs(NamedTuple):
    """
    The arrays that a call returned.

    `arrays` maps names to NumPy arrays. `output` has the layout of the call's output.
    A call with `gradients` also returns `gradient.input` and so on, each with the layout and dtype of its array.
    A call with `second_order` also returns `second.cotangent` and so on.
    A call with `variation.shape_inference` also returns `inference`; only its shape and dtype are compared.
    A training returns only `kernels` (steps + 1, then the axes of the kernel) and `losses` (steps + 1). They hold the
    values before the first update and after each update, in the dtype in which the kernel was kept.
    `call` is the call of the framework as an expression that can be pasted. In it `input`, `kernel`, `bias` and so on
    are the NumPy arrays of the case.
    `composed` is true if the adapter composed several operations because the framework has no single call.
    """

    arrays: Mapping[str, Array]
    call: str = ""
    composed: bool = False


@dataclass(frozen=True)
class Prepared:
    """
    A closure that makes a call, and the text of the call.

    Reports need the text even if the call raises or ends the process.
    `call` is the same text as `Outputs.call`, and replaces it where that is empty.
    """

    make: Callable[[], Outputs]
    call: str = ""

    def __call__(self) -> Outputs:
        """Make the call and return its outputs."""
        outputs = self.make()
        return outputs._replace(call=outputs.call or self.call)


class Refused(Exception):
    """Raised by an adapter that is itself the implementation, to refuse a call; the outcome is `raised`."""


class Unavailable(Exception):
    """Raised by the constructor of a backend if its framework, mode or device is missing."""


class Raised(Exception):
    """Raised by `ask` if the framework raised; `__cause__` is the exception of the framework."""


def ask(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Call a function of the framework and mark its exceptions as the framework's; others are faults of the suite.

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

    The engine constructs it as `Class(target)`, or as `Class()` if the class defines no `__init__`.
    The constructor imports the framework; the module must not import it at its top.
    Only `framework` and `prepare` are required; the engine has defaults for the rest.
    """

    #: The name of the framework under test, such as `torch`.
    framework: str
    #: The version of the framework.
    version: str
    #: Names of the modules that must be importable (a class attribute).
    requires: Sequence[str]
    #: The modes, each with a description for the user (a class attribute).
    modes: Mapping[str, str]
    #: The calls that the API cannot express.
    limits: Sequence[Limit]
    #: The settings that affect results, with their current values: thread counts, flags, environment variables.
    settings: Mapping[str, str]
    #: The dtype that this mode returns in place of each requested output dtype, such as {"float32": "bfloat16"}.
    result_dtypes: Mapping[str, str]
    #: The precision class that the framework documents for this mode on this device, by input dtype, if it is lower
    #: than the precision of that dtype, such as {"float32": "tf32-like"}.
    precision: Mapping[str, str]
    #: Whether it computes `gradients`; if not, calls that request them are unsupported.
    differentiates: bool
    #: Whether it computes `second_order`; if not, calls that request it are unsupported.
    differentiates_twice: bool

    #: Prepares the framework's own training loop; None if the engine trains step by step, by calls with gradients.
    fit: Callable[[Call], Callable[[], Outputs]] | None

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """
        Permute, rename and place the arrays; return a closure that makes the call, or a `Prepared` with its text.

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
    fit: Callable[[Call], Callable[[], Outputs]] | None = None


DEFAULTS = Defaults()


def backend_attribute(backend: Any, name: str) -> Any:
    """Return an attribute of a backend, or the engine's default for it."""
    return getattr(backend, name, getattr(DEFAULTS, name))

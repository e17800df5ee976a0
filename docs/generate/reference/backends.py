"""The page of backends, docs/reference/backends.md, from the classes that an adapter uses; pages.py writes it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from conv_conformance.core import backend
from conv_conformance.core.call import Call

HEAD = """\
# Backends

A backend is a class that puts one framework under test. It translates a call to the framework's parameters and
returns the result. This page describes the interface of the class and is made from [its
source](../../conformance/core/backend.py). [Write a backend in ten minutes](../guides/write-a-backend.md) builds one
step by step. [CONTRIBUTING](../../CONTRIBUTING.md#add-a-backend) states what a backend must and must not do. A
program in another language implements [the protocol](protocol.md) instead.

All names except `Raised` can be imported from `conv_conformance`.
"""
#: The other names that the page describes.
NAMES = ("Target", "Limit", "Outputs", "Prepared", "ask", "Refused", "Unavailable", "Raised")
#: The attributes and methods of a call that backends use.
READ = ("place", "deliver", "bring_home", "rank", "spatial", "stages", "pairs", "extent", "extents", "arranged")


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_backend(), *map(_described, NAMES), *_call()])


def _backend() -> Iterator[str]:
    yield f"## Backend\n\n{said(backend.Backend)}\n"
    yield "| attribute | type | default | meaning |\n|---|---|---|---|"
    types = backend.Backend.__annotations__
    for name, meaning in _comments():
        default = f"`{getattr(backend.DEFAULTS, name)!r}`" if hasattr(backend.DEFAULTS, name) else "required"
        yield f"| `{name}` | `{types[name].replace('|', chr(92) + '|')}` | {default} | {meaning} |"
    yield f"\n### prepare\n\n```python\ndef prepare{_signature(backend.Backend.prepare)}\n```\n"
    yield f"{said(backend.Backend.prepare)}\n"


def _comments() -> Iterator[tuple[str, str]]:
    """Yield the name of each attribute of a backend, with the comment above it."""
    about: list[str] = []
    for line in inspect.getsource(backend.Backend).splitlines():
        if comment := re.match(r"    #: (.*)", line):
            about.append(comment[1])
        elif name := re.match(r"    (\w+): ", line):
            yield name[1], " ".join(about)
            about = []


def _described(name: str) -> str:
    thing = getattr(backend, name)
    made = f"def ask{_signature(thing)}" if name == "ask" else _made(thing)
    code = f"\n```python\n{made}\n```\n" if made else ""
    return f"## {name}\n{code}\n{said(thing)}\n"


def _made(thing: type) -> str:
    """Return the constructor call of a class; empty for an exception."""
    return "" if issubclass(thing, Exception) else f"{thing.__name__}{_signature(thing).partition(' -> ')[0]}"


def _call() -> Iterator[str]:
    yield f"## Call\n\n{said(Call)}\n"
    yield "Adapters use these attributes and methods:\n\n| | |\n|---|---|"
    for name in READ:
        thing = inspect.getattr_static(Call, name)
        shown = f"{name}{_signature(thing).replace('self, ', '')}" if inspect.isfunction(thing) else name
        yield f"| `{shown}` | {' '.join(said(thing).split())} |"
    yield ""


def _signature(thing: object) -> str:
    """Return the signature of `thing`, with its annotations as they are in the source."""
    text = str(inspect.signature(thing))  # type: ignore[arg-type]
    return re.sub(r"ForwardRef\('([^']*)'\)|(?<=: |> )'([^']*)'", lambda found: found[1] or found[2], text)


def said(thing: object) -> str:
    """Return the docstring of `thing` up to its `Raises` section."""
    return inspect.getdoc(thing).partition("\n\nRaises:")[0].replace("<", "\\<").strip()  # type: ignore[union-attr]

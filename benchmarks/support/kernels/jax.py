"""Which thunks and kernels XLA makes of a convolution on the CPU, from what it compiled for a call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .probes import Path, Probe

#: The names that XLA's emitters leave in a compiled program: emitter, operation.
EMITTED = re.compile(rb"xla_cpu_emitter__(\w+?)__hlo_opcode__([a-z0-9_-]+)")
#: A computation: its name, then its instructions.
COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.-]+) \(.*?\{$(.*?)^\}", re.MULTILINE | re.DOTALL)
INSTRUCTION = re.compile(r"= (\w+)\[[\d,]*\]\S* (convolution|dot|custom-call|fusion)\((.*)$", re.MULTILINE)


def probes(mode: str, pin: str) -> list[Probe]:
    """Return the probe for JAX, whatever the mode."""
    return [Xla()]


class Xla:
    """The programs that XLA compiles; what JAX compiled before is forgotten ahead of each call."""

    existing: Mapping[str, Sequence[str]] = {}

    def __init__(self) -> None:
        """Stand between JAX and XLA's compiler."""
        import jax
        from jax._src import compiler

        self._jax = jax
        self._programs: list[Any] = []
        compile_and_load = compiler.backend_compile_and_load

        def noted(*arguments: Any, **keywords: Any) -> Any:
            program = compile_and_load(*arguments, **keywords)
            self._programs.append(program)
            return program

        compiler.backend_compile_and_load = noted

    def begin(self) -> None:
        """Forget every program."""
        self._jax.clear_caches()
        self._programs.clear()

    def end(self) -> Iterator[Path]:
        """Yield what computes sums of products in the programs, or that only loops do."""
        for program in self._programs:
            text = program.hlo_modules()[0].to_string()
            yield from (Path("xla", name) for name in kernels(text, program.serialize()))


def kernels(text: str, program: bytes) -> Iterator[str]:
    """
    Yield the names of what computes in a program, from its optimised HLO and its serialised form.

    A convolution or dot that no emitter wrote code for is a thunk, which calls a library.
    """
    emitted = {(emitter.decode(), operation.decode()) for emitter, operation in EMITTED.findall(program)}
    written = {operation for _, operation in emitted}
    bodies = dict(COMPUTATION.findall(text))
    inside: set[str] = set()
    for body in bodies.values():
        for _, operation, rest in INSTRUCTION.findall(body):
            inside |= _custom(operation, rest)
    for name, body in bodies.items():
        for dtype, operation, rest in INSTRUCTION.findall(body):
            if operation == "custom-call":
                yield f"custom call {_target(rest)} {dtype}"
            elif operation != "fusion":
                how = "YNNPACK fusion" if name in inside else ("kernel" if operation in written else "thunk")
                yield f"{operation} {how} {dtype}{_rank(operation, rest)}"


def _custom(operation: str, rest: str) -> set[str]:
    if operation == "fusion" and "__ynn_fusion" in rest:
        return set(re.findall(r"calls=%?([\w.-]+)", rest))
    return set()


def _target(rest: str) -> str:
    found = re.search(r'custom_call_target="([^"]+)"', rest)
    return found.group(1) if found else "?"


def _rank(operation: str, rest: str) -> str:
    if operation != "convolution":
        return ""
    window = re.search(r"window=\{size=([\dx]+)", rest)
    grouped = " grouped" if "feature_group_count=" in rest else ""
    return f" {window.group(1).count('x') + 1 if window else 0}D{grouped}"

"""
What oneDNN says of the primitives that it executes, with ONEDNN_VERBOSE=1.

A line names the primitive's kind, its implementation, its direction, memory and shape:
`onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx512_core,forward_training,src:f32:a:blocked:acdb…`
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

#: The kinds of primitives that compute a convolution; others move memory or add a bias.
KINDS = ("convolution", "deconvolution", "inner_product", "matmul")


class Primitive(NamedTuple):
    """One primitive that was executed."""

    kind: str
    implementation: str
    direction: str
    #: The dtype of what it reads, or of the gradient that it writes.
    dtype: str
    #: The layouts of source, weights and destination, in oneDNN's tags: `acdb` is channels last.
    formats: str

    @property
    def path(self) -> str:
        """Kind, direction, dtype and implementation; an implementation inside another stands behind a plus."""
        return f"{self.kind} {self.direction} {self.dtype} {self.implementation}"

    @property
    def inner(self) -> Primitive | None:
        """
        The primitive inside this one, None where there is none.

        A deconvolution is the gradient of a convolution, or, turned round, a convolution again; the name of the inner
        one says which, or else it is the gradient.
        """
        _, _, inside = self.implementation.partition("+")
        if not inside:
            return None
        direction = "backward_data" if self.kind == "deconvolution" else self.direction
        if inside.startswith("brg_conv_fwd"):
            direction = "forward"
        kind = "matmul" if inside.startswith("brg_matmul") else "convolution"
        return self._replace(kind=kind, implementation=inside, direction=direction)


_EXECUTED = re.compile(r"^onednn_verbose,(?:v\d+,)?(?:[\d.]+,)?primitive,exec,cpu,(.*)$")
_MEMORY = re.compile(r"(src|wei|dst)(?:_[a-z]+)?:(\w+):[^ :]*:([^: ]*):([^: ]*)")


def parse(line: str) -> Primitive | None:
    """Return the primitive of a line, None where the line is about something else."""
    found = _EXECUTED.match(line)
    if not found:
        return None
    kind, implementation, direction, memory, *_ = found.group(1).split(",")
    if kind not in KINDS:
        return None
    described = {name: (dtype, layout, tag) for name, dtype, layout, tag in _MEMORY.findall(memory)}
    # A blocked layout has a tag; another, such as `any` or `sparse`, is its own.
    formats = " ".join(f"{name}:{tag or layout}" for name, (_, layout, tag) in described.items())
    dtype = described.get("src", ("undef",))[0]
    return Primitive(
        kind, implementation, direction.removesuffix("_training").removesuffix("_inference"), dtype, formats
    )


class Verbose:
    """Follows a file into which oneDNN writes, from one call to the next."""

    def __init__(self, path: str) -> None:
        """Begin at the end of the file as it is."""
        self._file = os.open(path, os.O_RDONLY)
        self._rest = ""
        os.lseek(self._file, 0, os.SEEK_END)

    def primitives(self) -> Iterator[Primitive]:
        """Yield the primitives that were executed since this was last asked."""
        for line in self._lines():
            if primitive := parse(line):
                yield primitive

    def _lines(self) -> Iterator[str]:
        while block := os.read(self._file, 1 << 20):
            self._rest += block.decode(errors="replace")
        *lines, self._rest = self._rest.split("\n")
        return iter(lines)

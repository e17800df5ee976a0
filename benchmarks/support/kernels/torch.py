"""Which of its backends torch selects for a convolution, and what its compiler calls for one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .probes import Path, Probe

#: In ConvBackend's order; torch's binding for Python leaves it out.
NAMELESS = {9: "MkldnnTranspose"}

#: What code that torch's compiler wrote calls for a convolution, or is in place of one.
CALLED = re.compile(
    r"extern_kernels\.\w*conv\w*|torch\.ops\.\w+\.\w*conv\w*(?:\.\w+)?|aten\.\w*conv\w*(?:\.\w+)?"
    r"|extern_kernels\.\w*mm\w*|torch\.ops\.mkldnn\.\w+"
)


def probes(mode: str, pin: str) -> list[Probe]:
    """Return the probes for a mode of torch, with what the setting pins."""
    import torch

    if pin == "onednn-off":
        torch.backends.mkldnn.enabled = False
    if mode == "compile":
        return [Compiled()]
    return [Selected(pin == "channels-last")]


class Selected:
    """The backend that torch selects: the function that it asks itself is asked with the same arguments."""

    def __init__(self, is_channels_last: bool) -> None:
        """Make the mode in which torch shows its operations; it may lay out inputs anew ahead of them."""
        import torch

        names = {int(value): name.strip(",") for name, value in torch._C._ConvBackend.__members__.items()}
        self._names = names | NAMELESS
        self.existing: Mapping[str, Sequence[str]] = {"torch.backend": sorted(self._names.values())}
        self._found: list[Path] = []
        self._mode: Any = None
        self._make = lambda: _mode(torch, self._take, is_channels_last)

    def begin(self) -> None:
        """Enter the mode."""
        self._found.clear()
        self._mode = self._make()
        self._mode.__enter__()

    def end(self) -> Iterator[Path]:
        """Leave the mode; yield the backends."""
        self._mode.__exit__(None, None, None)
        yield from self._found

    def _take(self, backend: Any) -> None:
        self._found.append(Path("torch.backend", self._names[int(backend)]))


def _mode(torch: Any, take: Any, is_channels_last: bool) -> Any:
    from torch.utils._python_dispatch import TorchDispatchMode

    formats = {4: torch.channels_last, 5: torch.channels_last_3d}

    class Shown(TorchDispatchMode):  # type: ignore[misc]
        """Sees each operation on its way to a backend."""

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if function is torch.ops.aten.convolution.default and args[0].device.type == "cpu":
                if is_channels_last and args[0].ndim in formats:
                    args = (args[0].contiguous(memory_format=formats[args[0].ndim]), *args[1:])
                take(torch._C._select_conv_backend(*args))
            return function(*args, **(kwargs or {}))

    return Shown()


class Compiled:
    """What the code that torch's compiler writes calls: torch cannot show its operations while it compiles."""

    existing: Mapping[str, Sequence[str]] = {}

    def __init__(self) -> None:
        """Have the compiler show its code; it shows none where it takes a graph from its cache."""
        from torch._inductor import config
        from torch._inductor.graph import GraphLowering

        config.fx_graph_cache = False
        self._code: list[str] = []
        GraphLowering.save_output_code = self._code.append

    def begin(self) -> None:
        """Forget the code of the call before."""
        self._code.clear()

    def end(self) -> Iterator[Path]:
        """Yield the functions that were called, or that loops were written instead."""
        for code in self._code:
            called = set(CALLED.findall(_body(code)))
            for name in called or {"loops, no call"}:
                yield Path("torch.inductor", name)


def _body(code: str) -> str:
    # Comments quote the graph, which names every operation whether or not it is called.
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("#"))

"""The kernels that TensorFlow selects for a call: the operations of the graphs that it runs, after rewriting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .probes import Path, Probe


def probes(mode: str, pin: str) -> list[Probe]:
    """Return the probe for TensorFlow, whatever the mode."""
    return [Placed()]


class Placed:
    """The nodes of partition graphs that convolve or multiply matrices; an eager operation is a graph of one."""

    def __init__(self) -> None:
        """Have TensorFlow keep the graphs that it runs."""
        import tensorflow as tf
        from tensorflow.python.eager import context
        from tensorflow.python.framework import kernels

        self._types = {dtype.as_datatype_enum: dtype.name for dtype in _types(tf)}
        self._identity = tf.identity
        self._context = context.context()
        self._context.enable_run_metadata()
        listed = kernels.get_all_registered_kernels().kernel
        self.existing: Mapping[str, Sequence[str]] = {"tensorflow": sorted(set(self._registered(listed)))}

    def _registered(self, kernels: Any) -> Iterator[str]:
        for kernel in kernels:
            if _is_convolution(kernel.op):
                allowed = [one.allowed_values.list.type for one in kernel.constraint if one.name == "T"]
                for dtype in {self._name(one) for types in allowed for one in types} or {"any"}:
                    yield _named(kernel.device_type, kernel.op, dtype)

    def _name(self, dtype: int) -> str:
        return self._types.get(dtype, str(dtype))

    def begin(self) -> None:
        """Forget kernels, for the graph of one that is made anew alone is told of, and what was told before."""
        self._context.clear_kernel_cache()
        self._identity(0)  # what a call that raised has left behind is told of with the next that does not
        self._context.export_run_metadata()

    def end(self) -> Iterator[Path]:
        """Yield the nodes."""
        told = self._context.export_run_metadata()
        graphs = [*told.partition_graphs, *(one for each in told.function_graphs for one in each.partition_graphs)]
        for graph in graphs:
            for node in (*graph.node, *(one for each in graph.library.function for one in each.node_def)):
                if _is_convolution(node.op) or node.op in OTHERS:
                    device = node.device.rpartition("device:")[2].partition(":")[0] or "CPU"
                    yield Path("tensorflow", _named(device, node.op, self._name(node.attr["T"].type)))


#: What stands in a graph instead of a convolution, or runs one that was compiled.
OTHERS = ("XlaLaunch", "_XlaRun", "_XlaCompile", "XlaLaunchV2", "MatMul", "BatchMatMulV2", "_FusedMatMul")


def _is_convolution(operation: str) -> bool:
    return "Conv" in operation and "Convert" not in operation


def _named(device: str, operation: str, dtype: str) -> str:
    return f"{device} {operation} {dtype}"


def _types(tf: Any) -> list[Any]:
    return [one for one in vars(tf.dtypes).values() if isinstance(one, tf.dtypes.DType)]

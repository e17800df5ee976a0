"""Conversion between NumPy arrays and PyTorch tensors that keeps strides."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from ...core import NARROW, Array, numpy_type

#: The signed integer dtypes that hold the bits of narrow floats; every torch release has them.
SIGNED = {name: bits.removeprefix("u") for name, bits in NARROW.items()}


def tensor(torch: Any, array: Array, dtype: str, device: str) -> Any:
    """Return an array as a tensor of `dtype` with the same strides; on the CPU it shares the memory."""
    if dtype in NARROW:
        shared = _shared(torch, array.view(SIGNED[dtype])).view(getattr(torch, dtype))
    else:
        shared = _shared(torch, array)
    return shared if device == "cpu" else moved(torch, shared, device)


def _shared(torch: Any, array: Array) -> Any:
    if array.flags.writeable:
        return torch.from_numpy(array)
    # Suppress torch's warning that a broadcast array is not writable: no adapter writes to it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(array)


def moved(torch: Any, tensor: Any, device: str) -> Any:
    """Return a copy of a tensor on a device with the same strides; `to` alone would make a non-dense tensor dense."""
    memory = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
    return memory.to(device).as_strided(tensor.shape, tensor.stride())


@cache
def _name_of(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def fetched(torch: Any, tensor: Any) -> Array:
    """Return a tensor of any device as an array; narrow floats keep their bits."""
    array: Array
    name = _name_of(tensor.dtype)
    if name not in NARROW:
        array = tensor.numpy(force=True)
        return array
    array = tensor.detach().view(getattr(torch, SIGNED[name])).numpy(force=True).view(numpy_type(name))
    return array

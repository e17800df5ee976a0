"""
The adapter of PyTorch: `torch.nn.functional`, the layers of `torch.nn`, and what compiles or casts them.

Surfaces: `functional` (also under `torch.autocast`), `layer`, `compiled` (`torch.compile`) and `nn_grad`.
Modes: each surface beside the first is a mode, and so is each setting of `settings` that decides the numbers.
Gradients are those of `torch.autograd`, of both orders; `nn_grad` calls `torch.nn.grad` instead.

It cannot express, and `limits` says why for each call:
- different padding at the two ends of an axis, for a `convNd` takes one number for both;
- input dilation, or an output in another dtype than the input, for there is no parameter;
- arrays with negative strides or without write permission, for a tensor has neither.
It pads before the convolution only where a case asks for that step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import settings
    from .adapter import Torch as Torch
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

"""
The adapter of PyTorch: `torch.nn.functional`, the layers of `torch.nn`, `torch.compile`, `torch.autocast`.

Surfaces: `functional` (also under `torch.autocast`), `layer`, `compiled` (`torch.compile`) and `nn_grad`.
Modes: each surface except the first is a mode, and so is each numerical setting of `settings`.
Gradients of both orders come from `torch.autograd`; `nn_grad` calls `torch.nn.grad` instead.

It cannot express the following calls. `limits` holds the reasons:
- different padding at the two ends of an axis: a `convNd` has one number for both;
- input dilation, or an output dtype that is not the input's: there is no parameter;
- arrays with negative strides or without write permission: a tensor has neither.
It pads before the convolution only where a case has that step (`before`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import settings
    from .adapter import Torch as Torch
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

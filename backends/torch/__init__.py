"""
The adapter of PyTorch: `torch.nn.functional`, the layers of `torch.nn`, `torch.compile`, `torch.autocast`.

Surfaces: `functional` (also under `torch.autocast`), `layer`, `compiled` (`torch.compile`) and `nn_grad`.
Modes: the default is `functional`. Further modes are `layer`, `compile`, `autocast`, `nn-grad`, and each numerical
setting of `settings`.
Gradients of both orders come from `torch.autograd`; only `nn_grad` calls `torch.nn.grad` instead.

The adapter cannot express the following calls. The module `limits` holds the reasons:
- different padding at the two ends of an axis: a `convNd` has one number for both;
- input dilation, or an output dtype that is not the input's: there is no parameter;
- arrays with negative strides or without write permission: a tensor cannot have these properties.
The adapter pads the input before a convolution only if the case has this step (`before`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import settings
    from .adapter import Torch as Torch
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)

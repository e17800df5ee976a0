"""ConvNeXt-Tiny of torchvision, random weights, channels last in memory, under autocast to bfloat16."""

import torch
import torchvision
from measured import tell

torch.manual_seed(1)
model = torchvision.models.convnext_tiny(weights=None).eval().to(memory_format=torch.channels_last)
images = torch.randn(2, 3, 160, 224).to(memory_format=torch.channels_last)


def infer() -> torch.Tensor:
    """Return the logits."""
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        return model(images)


tell(infer, lambda tensor: tensor.float().numpy())

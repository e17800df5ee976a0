"""ResNet-50 of torchvision, random weights, two images in evaluation mode."""

import torch
import torchvision
from measured import tell

torch.manual_seed(1)
model = torchvision.models.resnet50(weights=None).eval()
images = torch.randn(2, 3, 224, 224)


def infer() -> torch.Tensor:
    """Return the logits."""
    with torch.inference_mode():
        return model(images)


tell(infer, lambda tensor: tensor.numpy())

"""A U-Net in Flax under jax.jit: it goes up again by transposed convolutions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from measured import tell


class UNet(nn.Module):
    """Three levels of two convolutions each."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return a map of classes for images (N, H, W, C)."""
        kept = []
        for filters in (16, 32):
            for _ in range(2):
                x = nn.relu(nn.Conv(filters, (3, 3))(x))
            kept.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        for _ in range(2):
            x = nn.relu(nn.Conv(64, (3, 3))(x))
        for filters, beside in zip((32, 16), reversed(kept), strict=True):
            x = nn.ConvTranspose(filters, (2, 2), (2, 2))(x)
            x = jnp.concatenate([x, beside], -1)
            for _ in range(2):
                x = nn.relu(nn.Conv(filters, (3, 3))(x))
        return nn.Conv(5, (1, 1))(x)


images = jax.random.normal(jax.random.key(1), (3, 96, 128, 3))
weights = UNet().init(jax.random.key(2), images)
infer = jax.jit(UNet().apply)
tell(lambda: infer(weights, images), np.asarray)

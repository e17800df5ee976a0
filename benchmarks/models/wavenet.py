"""A stack of causal convolutions as in WaveNet, in Keras on JAX: dilations 1 to 512, gated, with skips."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from measured import tell

keras.utils.set_random_seed(1)
signal = x = keras.Input((1500, 1))
x = keras.layers.Conv1D(32, 2, padding="causal")(x)
skips = []
for dilation in (2**n for n in range(10)):
    tanh, gate = (
        keras.layers.Conv1D(32, 2, padding="causal", dilation_rate=dilation, activation=activation)(x)
        for activation in ("tanh", "sigmoid")
    )
    gated = keras.layers.multiply([tanh, gate])
    skips.append(keras.layers.Conv1D(48, 1)(gated))
    x = keras.layers.add([x, keras.layers.Conv1D(32, 1)(gated)])
top = keras.layers.Conv1D(256, 1)(keras.layers.Activation("relu")(keras.layers.add(skips)))
model = keras.Model(signal, top)
sound = np.random.default_rng(1).normal(size=(3, 1500, 1)).astype("float32")
tell(lambda: model(sound), np.asarray)

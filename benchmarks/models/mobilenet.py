"""MobileNetV2 of keras.applications on TensorFlow, random weights, by `predict`, which traces a graph."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from measured import tell

keras.utils.set_random_seed(1)
model = keras.applications.MobileNetV2(input_shape=(160, 192, 3), weights=None)
images = np.random.default_rng(1).normal(size=(3, 160, 192, 3)).astype("float32")
tell(lambda: model.predict(images, verbose=0), np.asarray)

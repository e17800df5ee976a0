"""Settings of TensorFlow that a mode sets for the whole process, and whether TensorFlow uses oneDNN."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ...core import Unavailable

#: The description of each mode, shown to the user.
SENTENCES: Mapping[str, str] = {
    "no-onednn": "tf.nn, operation by operation, with TF_ENABLE_ONEDNN_OPTS=0",
    "no-tf32": "tf.nn, operation by operation, with tf.config.experimental.enable_tensor_float_32_execution(False)",
}
#: Mode -> the environment variables that must be set before TensorFlow is imported.
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {"no-onednn": {"TF_ENABLE_ONEDNN_OPTS": "0"}}


def imported(mode: str) -> Any:
    """
    Import TensorFlow with the setting of a mode and return it.

    Raises:
        Unavailable: if this release does not have the setting, or TensorFlow was already imported without the setting.

    """
    os.environ.update(ENVIRONMENTS.get(mode, {}))
    tf = import_module("tensorflow")
    if mode in SENTENCES:
        _pin(tf, mode)
    return tf


def _pin(tf: Any, mode: str) -> None:
    if mode == "no-tf32":
        try:
            tf.config.experimental.enable_tensor_float_32_execution(False)
        except AttributeError as error:
            raise Unavailable(f"tensorflow {tf.__version__} has no such setting as {mode}: {error}") from error
    elif uses_onednn() != "False":
        raise Unavailable(f"tensorflow {tf.__version__} does not confirm that oneDNN is off, which {mode} requires")


def uses_onednn() -> str:
    """Return whether TensorFlow uses oneDNN: `True`, `False`, or `unknown` if this release does not report it."""
    try:
        # There is no public API for this.
        return str(import_module("tensorflow.python.util._pywrap_util_port").IsMklEnabled())
    except (ImportError, AttributeError):
        return "unknown"


def documented(tf: Any, device: str) -> dict[str, str]:
    """Return the reduced precision class that TensorFlow documents for a device and the current setting, by dtype."""
    is_short = "GPU" in device.upper() and tf.config.experimental.tensor_float_32_execution_enabled()
    return {"float32": "tf32-like"} if is_short else {}

"""Settings of TensorFlow that a mode pins, for the whole process, and whether it computes by oneDNN."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ...core import Unavailable

#: What each mode does, for the user.
SENTENCES: Mapping[str, str] = {
    "no-onednn": "tf.nn, operation by operation, with TF_ENABLE_ONEDNN_OPTS=0",
    "no-tf32": "tf.nn, operation by operation, with tf.config.experimental.enable_tensor_float_32_execution(False)",
}
#: What must be in the environment before TensorFlow is imported, by mode.
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {"no-onednn": {"TF_ENABLE_ONEDNN_OPTS": "0"}}


def imported(mode: str) -> Any:
    """
    Import TensorFlow with what a mode pins.

    Raises:
        Unavailable: if this release does not have the setting, or TensorFlow was imported without it before.

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
        raise Unavailable(f"tensorflow {tf.__version__} does not say that it computes without oneDNN: {mode} unproven")


def uses_onednn() -> str:
    """Return what TensorFlow itself says, `True` or `False`; `unknown` where a release does not."""
    try:
        # It has no public word for it.
        return str(import_module("tensorflow.python.util._pywrap_util_port").IsMklEnabled())
    except (ImportError, AttributeError):
        return "unknown"


def documented(tf: Any, device: str) -> dict[str, str]:
    """Return the lower class of rounding that TensorFlow documents for a device, as it is set now."""
    is_short = "GPU" in device.upper() and tf.config.experimental.tensor_float_32_execution_enabled()
    return {"float32": "tf32-like"} if is_short else {}

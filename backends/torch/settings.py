"""Settings of PyTorch: the settings that modes change for the whole process, and the current numerical settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from ...core import Unavailable


class Setting(NamedTuple):
    """A setting that a mode changes: a description for the user, and a function of (torch, device) that changes it."""

    sentence: str
    pin: Callable[[Any, str], None]


def _matmul(precision: str) -> Setting:
    sentence = f"the functions under torch.set_float32_matmul_precision({precision!r})"
    return Setting(sentence, lambda torch, _: torch.set_float32_matmul_precision(precision))


def _deterministic(torch: Any, _: str) -> None:
    torch.use_deterministic_algorithms(True)


def _tf32(torch: Any, device: str) -> None:
    if torch.device(device).type != "cuda":
        raise Unavailable(f"torch+tf32 needs a CUDA device, not {device!r}")
    if _has_precisions(torch):
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        torch.backends.cudnn.conv.fp32_precision = "tf32"
    else:
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True


def _fpmath(torch: Any, _: str) -> None:
    _onednn(torch).conv.fp32_precision = "bf16"


def _without_onednn(torch: Any, _: str) -> None:
    _onednn(torch).enabled = False


def _onednn(torch: Any) -> Any:
    if not torch.backends.mkldnn.is_available():
        raise Unavailable(f"torch {torch.__version__} is built without oneDNN")
    return torch.backends.mkldnn


def _has_precisions(torch: Any) -> bool:
    """Return whether this release has `fp32_precision` for each operation, which replaces `allow_tf32`."""
    return hasattr(torch.backends.cudnn, "conv")


SETTINGS: Mapping[str, Setting] = {
    "deterministic": Setting("the functions under torch.use_deterministic_algorithms", _deterministic),
    "tf32": Setting("the functions with TF32 allowed for convolutions and matrix products", _tf32),
    "matmul-high": _matmul("high"),
    "matmul-medium": _matmul("medium"),
    "fpmath-bf16": Setting('the functions with torch.backends.mkldnn.conv.fp32_precision = "bf16"', _fpmath),
    "no-onednn": Setting("the functions with torch.backends.mkldnn.enabled = False", _without_onednn),
}

#: Name of a setting in the record -> function that reads the setting from torch, if the release has it.
READ: Mapping[str, Callable[[Any], Any]] = {
    "float32_matmul_precision": lambda torch: torch.get_float32_matmul_precision(),
    "onednn.conv.fp32_precision": attrgetter("backends.mkldnn.conv.fp32_precision"),
    "onednn.matmul.fp32_precision": attrgetter("backends.mkldnn.matmul.fp32_precision"),
}


def pin(torch: Any, mode: str, device: str) -> None:
    """
    Set the setting of a mode.

    Raises:
        Unavailable: if this release or this device does not have the setting.

    """
    try:
        SETTINGS[mode].pin(torch, device)
    except (AttributeError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Unavailable(f"torch {torch.__version__} has no such setting as {mode}: {reason}") from error


def settings(torch: Any, device: str) -> dict[str, str]:
    """Return the current values of the settings that influence results, by name."""
    found = {
        "threads": torch.get_num_threads(),
        "cpu_capability": _in_build(torch, r"CPU capability usage: (\w+)"),
        "onednn": _onednn_version(torch),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        **_read(torch),
    }
    if torch.device(device).type == "cuda":
        found["device"] = torch.cuda.get_device_name(device)
        found["cudnn"] = torch.backends.cudnn.version()
        found |= _precisions(torch)
    return {name: str(value) for name, value in found.items()}


#: Value of `fp32_precision` -> the precision class that torch documents for float32 convolutions.
DOCUMENTED = {"tf32": "tf32-like", "bf16": "bfloat16-like"}


def documented(torch: Any, device: str) -> dict[str, str]:
    """Return the reduced precision class that torch documents for convolutions on a device, by dtype."""
    if torch.device(device).type != "cuda":
        precision = _read(torch).get("onednn.conv.fp32_precision", "")
    elif _has_precisions(torch):
        precision = torch.backends.cudnn.conv.fp32_precision
    else:
        precision = "tf32" if torch.backends.cudnn.allow_tf32 else ""
    # complex64 has the same class, because torch convolves its float32 parts separately.
    return dict.fromkeys(("float32", "complex64"), DOCUMENTED[precision]) if precision in DOCUMENTED else {}


def _read(torch: Any) -> dict[str, Any]:
    found = {}
    for name, read in READ.items():
        try:
            found[name] = read(torch)
        except AttributeError:
            continue
    return found


def _precisions(torch: Any) -> dict[str, Any]:
    if _has_precisions(torch):
        return {
            "cudnn.conv.fp32_precision": torch.backends.cudnn.conv.fp32_precision,
            "cuda.matmul.fp32_precision": torch.backends.cuda.matmul.fp32_precision,
        }
    return {"tf32.conv": torch.backends.cudnn.allow_tf32, "tf32.matmul": torch.backends.cuda.matmul.allow_tf32}


def _in_build(torch: Any, pattern: str) -> str:
    """Return the first group of `pattern` in torch's description of its build, or `none`."""
    found = re.search(pattern, torch.__config__.show())
    return found.group(1) if found else "none"


def _onednn_version(torch: Any) -> str:
    version = _in_build(torch, r"MKL-DNN v([0-9.]+)")
    return version if torch.backends.mkldnn.enabled else f"{version}, off"

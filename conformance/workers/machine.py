"""A description of the machine on which a run is made."""

from __future__ import annotations

import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

#: CPU features by which frameworks select their kernels.
DECISIVE = (
    "sse4_1",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "asimdhp",
    "bf16",
    "sve",
    "sve2",
    "sme",
)


@cache
def describe() -> dict[str, Any]:
    """Return architecture, processor, the CPU flags in `DECISIVE`, operating system and Python version."""
    info = _cpuinfo()
    flags = set((info.get("flags") or info.get("Features") or "").split())
    return {
        "machine": platform.machine(),
        "cpu": info.get("model name") or platform.processor() or "unknown",
        "flags": [flag for flag in DECISIVE if flag in flags],
        "os": platform.platform(),
        "python": sys.version.split()[0],
    }


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return {}
    lines = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in lines}

"""Settings of JAX that a mode sets for the whole process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core import Unavailable

OPTION = "jax_default_matmul_precision"
#: The value of OPTION in each mode. The option also applies to convolutions.
PRECISIONS = {"matmul-bfloat16": "bfloat16", "matmul-tensorfloat32": "tensorfloat32", "matmul-highest": "highest"}
#: The description of each mode, shown to the user.
SENTENCES: Mapping[str, str] = {
    mode: f'jax.lax, operation by operation, with {OPTION} = "{precision}"' for mode, precision in PRECISIONS.items()
}


def pin(jax: Any, mode: str) -> None:
    """
    Set OPTION to the value of a mode.

    Raises:
        Unavailable: if this release does not have the option or the value.

    """
    try:
        jax.config.update(OPTION, PRECISIONS[mode])
    except (AttributeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Unavailable(f"jax {jax.__version__} has no such setting as {mode}: {reason}") from error


#: Value of OPTION -> the precision class that JAX documents for float32.
DOCUMENTED = {"bfloat16": "bfloat16-like", "tensorfloat32": "tf32-like"}
#: Platform -> the value of OPTION that has the same effect as JAX's default.
DEFAULTS = {"tpu": "bfloat16", "gpu": "tensorfloat32", "cuda": "tensorfloat32"}


def documented(jax: Any, platform: str) -> dict[str, str]:
    """Return the reduced precision class that JAX documents for the current setting on a platform, by dtype."""
    precision = getattr(jax.config, OPTION) or DEFAULTS.get(platform, "")
    return {"float32": DOCUMENTED[precision]} if precision in DOCUMENTED else {}

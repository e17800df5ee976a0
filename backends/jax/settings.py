"""Settings of JAX that a mode pins, for the whole process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core import Unavailable

OPTION = "jax_default_matmul_precision"
#: By mode what that option is set to; JAX has it for convolutions too.
PRECISIONS = {"matmul-bfloat16": "bfloat16", "matmul-tensorfloat32": "tensorfloat32", "matmul-highest": "highest"}
#: What each mode does, for the user.
SENTENCES: Mapping[str, str] = {
    mode: f'jax.lax, operation by operation, with {OPTION} = "{precision}"' for mode, precision in PRECISIONS.items()
}


def pin(jax: Any, mode: str) -> None:
    """
    Make the setting that a mode pins.

    Raises:
        Unavailable: if this release does not have it.

    """
    try:
        jax.config.update(OPTION, PRECISIONS[mode])
    except (AttributeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Unavailable(f"jax {jax.__version__} has no such setting as {mode}: {reason}") from error


#: The classes of rounding of float32 that each value documents, and what the default means by platform.
DOCUMENTED = {"bfloat16": "bfloat16-like", "tensorfloat32": "tf32-like"}
DEFAULTS = {"tpu": "bfloat16", "gpu": "tensorfloat32", "cuda": "tensorfloat32"}


def documented(jax: Any, platform: str) -> dict[str, str]:
    """Return the lower class of rounding that JAX documents for what is set now on a platform."""
    word = getattr(jax.config, OPTION) or DEFAULTS.get(platform, "")
    return {"float32": DOCUMENTED[word]} if word in DOCUMENTED else {}

"""Find replaced objects that a test left in a package of the suite."""

from __future__ import annotations

import sys
from collections.abc import Iterator


def stale_names() -> Iterator[str]:
    """
    Yield each public name whose value in its package differs from the value in its module, and mend the package.

    A package keeps an object when its name is first used. A test that replaces the object in its module can therefore
    leave the replacement in the package.
    """
    for name, package in [*sys.modules.items()]:
        if (
            name.partition(".")[0] == "conv_conformance"
            and "__all__" in vars(package)
            and "__getattr__" in vars(package)
        ):
            for public in vars(package).keys() & {*package.__all__}:
                kept = vars(package)[public]
                # The package's `__getattr__` looks the name up in its module again, and keeps what it finds.
                if package.__getattr__(public) is not kept:
                    yield f"{name}.{public}"

"""
How a kernel is fitted to a target: the loss, the optimizer and its terms, by the words of the case format.

Needs the standard library alone, for it is also used by workers in other environments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

#: `cosine`, or learning rates by the number of the first update that they hold for.
Schedule: TypeAlias = "str | tuple[tuple[int, float], ...]"
LOSSES = ("mae", "mse")
OPTIMIZERS = ("adam", "sgd")
COSINE = "cosine"


@dataclass(frozen=True, kw_only=True)
class Training:
    """
    So many updates of a kernel, each by the gradient of the loss over the whole batch.

    `loss` is the mean over all outputs of abs(y - target) or of its square.
    `adam` is Algorithm 1 of Kingma and Ba (2015), with `beta_1`, `beta_2` and `epsilon`; `sgd` has a `momentum`.
    """

    loss: str
    optimizer: str
    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    momentum: float = 0.0
    schedule: Schedule = ()
    steps: int

    def rate(self, step: int) -> float:
        """
        Return the learning rate of an update, the first of which is 0.

        `cosine` decays it to 0 after the last: learning_rate * (1 + cos(pi * step / steps)) / 2.
        """
        if isinstance(self.schedule, str):
            return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2
        return next((rate for first, rate in reversed(self.schedule) if first <= step), self.learning_rate)

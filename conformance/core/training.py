"""
The parameters of a training run: loss, optimizer and hyperparameters, with the names of the case format.

This module needs only the standard library, because workers in other environments use it too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

#: `cosine`, or pairs (n, rate). Update n and the later updates use this rate, until the next pair replaces it. The
#: first update is number 0.
Schedule: TypeAlias = "str | tuple[tuple[int, float], ...]"
LOSSES = ("mae", "mse")
OPTIMIZERS = ("adam", "sgd")
COSINE = "cosine"


@dataclass(frozen=True, kw_only=True)
class Training:
    """
    A training run: `steps` updates of a kernel, each by the gradient of the loss over the whole batch.

    `loss` is `mae`, the mean of abs(y - target) over all outputs, or `mse`, the mean of (y - target)**2.
    `optimizer` is `adam`, Algorithm 1 of Kingma and Ba (2015), with `beta_1`, `beta_2` and `epsilon`, or `sgd`, with
    `momentum`.
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
        Return the learning rate of update `step`; the first update is number 0.

        With the schedule `cosine`, the rate is learning_rate * (1 + cos(pi * step / steps)) / 2, which decays to 0.
        """
        if isinstance(self.schedule, str):
            return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2
        return next((rate for first, rate in reversed(self.schedule) if first <= step), self.learning_rate)

"""Learning-rate schedules over the epochs of one stage.

Each is called with the stage's optimizer and its number of epochs, which for the joint stage is
known only when it starts, and is stepped once per epoch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


class Schedule(Protocol):
    """Knobs in the object, optimizer and length in the call."""

    def __call__(self, optimizer: Optimizer, epochs: int) -> LRScheduler:
        """Return a scheduler to be stepped after each of ``epochs`` epochs."""


@dataclass(frozen=True)
class Constant:
    """The same learning rate throughout."""

    def __call__(self, optimizer: Optimizer, epochs: int) -> LRScheduler:
        """Return the scheduler."""
        return LambdaLR(optimizer, one)


@dataclass(frozen=True)
class Step:
    """Multiplies the learning rate by ``gamma`` every ``step_size`` epochs."""

    step_size: int = 10
    gamma: float = 0.1

    def __post_init__(self) -> None:
        if self.step_size < 1 or not 0 < self.gamma <= 1:
            raise ValueError(
                f"step_size={self.step_size}, gamma={self.gamma}: expected at least 1 epoch and a "
                "factor in (0, 1]"
            )

    def __call__(self, optimizer: Optimizer, epochs: int) -> LRScheduler:
        """Return the scheduler."""
        return LambdaLR(optimizer, lambda epoch: self.gamma ** (epoch // self.step_size))


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the learning rate down to ``floor`` times it (Loshchilov 2017)."""

    floor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor < 1:
            raise ValueError(f"floor is {self.floor}, expected a share of the learning rate [0, 1)")

    def __call__(self, optimizer: Optimizer, epochs: int) -> LRScheduler:
        """Return the scheduler."""
        return LambdaLR(optimizer, self._factor(epochs))

    def _factor(self, epochs: int) -> Callable[[int], float]:
        def factor(epoch: int) -> float:
            share = min(epoch / epochs, 1.0)
            return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * share))

        return factor


def one(epoch: int) -> float:
    """Return 1 in every epoch."""
    return 1.0

"""Learning rates over the course of a training, as shares of the peak."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass


class Schedule(ABC):
    """A learning rate as a function of the step."""

    @abstractmethod
    def share(self, step: int, total: int, epochs: int) -> float:
        """Share of the learning rate at ``step`` of ``total`` steps in ``epochs`` epochs.

        Args:
            step: Number of the step, from 0.
            total: Steps of the whole training.
            epochs: Epochs of the whole training.

        Returns:
            The share of the peak learning rate, from 0 to 1.
        """


@dataclass(frozen=True)
class CosineTail(Schedule):
    """Linear warm-up, constant, then a cosine to zero over the second half.

    Args:
        warmup_steps: Steps of the warm-up.
    """

    warmup_steps: int = 200

    def share(self, step: int, total: int, epochs: int) -> float:
        """See :class:`Schedule`."""
        half = total / 2
        decay = 1.0 if step < half else 0.5 * (1 + math.cos(math.pi * min(1.0, (step - half) / half)))
        return min(1.0, (step + 1) / max(1, self.warmup_steps)) * decay


@dataclass(frozen=True)
class EpochDecay(Schedule):
    """A decay by a constant factor per epoch (the sister paper's public code, Yu et al., ICCV 2021: 0.95).

    Args:
        factor: What the learning rate is multiplied with after every epoch.
        reference_epochs: Number of epochs over which the decay was meant: a shorter training runs through the same
            decay faster, a longer one more slowly. Null: every epoch counts as it is.

    Example:
        >>> EpochDecay(0.5).share(step=20, total=40, epochs=4)  # after two of four epochs
        0.25
        >>> EpochDecay(0.5, reference_epochs=2).share(step=20, total=40, epochs=4)
        0.5
    """

    factor: float = 0.95
    reference_epochs: int | None = None

    def share(self, step: int, total: int, epochs: int) -> float:
        """See :class:`Schedule`."""
        passed = self.reference_epochs or epochs
        return self.factor ** math.floor(passed * step / max(1, total))


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear rise, multiplied with another schedule.

    Args:
        then: The schedule that is multiplied with the rise.
        steps: Steps of the rise.
    """

    then: Schedule
    steps: int = 200

    def share(self, step: int, total: int, epochs: int) -> float:
        """See :class:`Schedule`."""
        return min(1.0, (step + 1) / max(1, self.steps)) * self.then.share(step, total, epochs)

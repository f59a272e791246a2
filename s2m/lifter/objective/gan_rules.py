"""What the two sides of an adversarial game minimise, as functions of the discriminator's logits (B,)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class GanRule(ABC):
    """A pair of losses; larger logits mean real.

    Attributes:
        boundary: Logits above it mean real, those below made-up.
    """

    boundary: ClassVar[float] = 0.0

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """Loss of the side that wants its poses to be taken for real, a scalar.

        Args:
            fake: (B,) logits of the lifter's poses.
        """

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Loss of the side that tells them apart, a scalar.

        Args:
            real: (B,) logits of the labels.
            fake: (B,) logits of the lifter's poses.
        """


class NonSaturating(GanRule):
    """``mean softplus(-D(y))`` against ``mean softplus(-D(x)) + mean softplus(D(y))``, x real, y fake; in nats.

    Source: Goodfellow et al., NeurIPS 2014.
    """

    def generator(self, fake: Tensor) -> Tensor:
        """See :class:`GanRule`."""
        return nn.functional.softplus(-fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See :class:`GanRule`."""
        return nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()


class LeastSquares(GanRule):
    """``mean (D(y) - 1)^2 / 2`` against ``mean (D(x) - 1)^2 / 2 + mean D(y)^2 / 2``, x real, y fake.

    Source: LSGAN, Mao et al., ICCV 2017, with labels 0 and 1.
    """

    boundary: ClassVar[float] = 0.5

    def generator(self, fake: Tensor) -> Tensor:
        """See :class:`GanRule`."""
        return (fake - 1).square().mean() / 2

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """See :class:`GanRule`."""
        return (real - 1).square().mean() / 2 + fake.square().mean() / 2

"""A discriminator of 2D poses and the losses of both players."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.lifter.network import perceptron
from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.terms import Term

softplus = nn.functional.softplus


class Discriminator(nn.Module):
    """How real a normalised 2D pose looks: joints2d (B, J, 2), visible (B, J) to logits (B,)."""

    def __init__(self, joints: int, width: int = 256, blocks: int = 2) -> None:
        super().__init__()
        self.network = perceptron(3 * joints, 1, width, blocks)

    def forward(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """Return logits (B,); positive means real."""
        logits: Tensor = self.network(torch.cat([joints2d.flatten(1), visible], dim=1))
        return logits[:, 0]

    def judge(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """The same logits, but without a gradient for the weights: how the lifter sees the discriminator.

        Both players' losses can then be summed and differentiated at once.
        """
        constants = {name: weight.detach() for name, weight in self.named_parameters()}
        logits: Tensor = torch.func.functional_call(self, constants, (joints2d, visible))
        return logits


class Adversarial(Term):
    """``mean softplus(-D(y))``: a turned and re-projected skeleton looks like a real 2D pose.

    y: re-projection with the missing joints of the label beside it. In nats; the non-saturating generator loss of
    Goodfellow et al. 2014 in the role of Chen et al.'s L_adv. The weights of the discriminator get no gradient.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        # In a tuple, because the discriminator is not a part of this term.
        self._discriminator = (discriminator,)

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar."""
        (discriminator,) = self._discriminator
        return softplus(-discriminator.judge(cycle.masked, cycle.visible)).mean()


def discriminator_loss(discriminator: Discriminator, real: Tensor, fake: Tensor, visible: Tensor) -> Tensor:
    """``mean softplus(-D(x)) + mean softplus(D(y))`` in nats, for labels x and re-projections y, both (B, J, 2).

    visible: (B, J), the same for both, so that missing joints betray nothing.
    """
    logits = discriminator(torch.cat([real, fake.detach()]), torch.cat([visible, visible]))
    count = len(real)
    return softplus(-logits[:count]).mean() + softplus(logits[count:]).mean()

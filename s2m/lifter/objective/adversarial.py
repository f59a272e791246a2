"""A discriminator of 2D poses, and the two sides of the game with it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.lifter.network import perceptron
from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.gan_rules import GanRule
from s2m.lifter.objective.terms import EPSILON, PlayerTerm, distances
from s2m.skeletons import JointSet


class Discriminator(nn.Module):
    """How real a normalised 2D pose looks: joints2d (B, J, 2), visible (B, J) to logits (B,).

    It is shown the direction and length of every bone besides the joints: what is odd about a pose is more often the
    relation of neighbours than the place of one joint (in the spirit of RepNet's kinematic chain space, Wandt and
    Rosenhahn, CVPR 2019). ``bones=False`` leaves them out, as in Chen et al.
    """

    def __init__(self, joint_set: JointSet, width: int = 256, blocks: int = 2, bones: bool = True) -> None:
        super().__init__()
        pairs = joint_set.bones if bones else ()
        self.register_buffer("pairs", torch.tensor(pairs, dtype=torch.long).view(-1, 2).T, persistent=False)
        self.network = perceptron(3 * len(joint_set) + 3 * len(pairs), 1, width, blocks)
        self.pairs: Tensor

    def forward(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """Return logits (B,); positive means real."""
        parents, children = self.pairs
        offset = joints2d[:, children] - joints2d[:, parents]
        length = distances(offset)[..., None].clamp_min(EPSILON)
        seen = (visible[:, children] * visible[:, parents])[..., None]
        bones = [(offset / length * seen).flatten(1), (length * seen).flatten(1)]
        logits: Tensor = self.network(torch.cat([joints2d.flatten(1), visible, *bones], dim=1))
        return logits[:, 0]

    def judge(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """The same logits, but without a gradient for the weights: how the lifter sees the discriminator.

        Both players' losses can then be summed and differentiated at once.
        """
        constants = {name: weight.detach() for name, weight in self.named_parameters()}
        logits: Tensor = torch.func.functional_call(self, constants, (joints2d, visible))
        return logits


class Adversarial(PlayerTerm):
    """A turned and re-projected skeleton looks like a real 2D pose to a discriminator; see the rule for the formula.

    The discriminator judges the re-projection with the missing joints of the label beside it, so that missing joints
    betray nothing. Source: Chen et al. 2019, L_adv.
    """

    def __init__(self, discriminator: Discriminator, rule: GanRule) -> None:
        super().__init__()
        self.discriminator, self.rule = discriminator, rule

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss of the lifter, a scalar; the discriminator's weights get no gradient."""
        return self.rule.generator(self.discriminator.judge(cycle.masked, cycle.visible))

    def player_loss(self, cycle: Cycle) -> Tensor:
        """Return the discriminator's own loss, a scalar; the lifter gets no gradient."""
        poses = torch.cat([cycle.target, cycle.masked.detach()])
        logits = self.discriminator(poses, torch.cat([cycle.visible, cycle.visible]))
        return self.rule.discriminator(*logits.chunk(2))

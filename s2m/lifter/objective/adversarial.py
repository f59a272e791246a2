"""Discriminators of 2D poses, and the two sides of the game with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from s2m.fused import Fused, differentiable_twice
from s2m.lifter.network import perceptron
from s2m.lifter.normalise import mean_distance
from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.gan_rules import GanRule
from s2m.lifter.objective.terms import EPSILON, LearnedTerm, distances, weights_held
from s2m.skeletons import JointSet

_STEPS_PER_PENALTY = 4


class BaseDiscriminator(nn.Module):
    """A network that tells real from made-up: positive logits mean real."""

    def frozen(self, *inputs: Tensor) -> Tensor:
        """The same logits as a call, but without a gradient for the weights: how the lifter sees its opponent.

        Both players' losses can then be summed and differentiated at once.

        Args:
            *inputs: Those of the call.
        """
        with weights_held(self):
            logits: Tensor = self(*inputs)
        return logits


class Discriminator(BaseDiscriminator):
    """How real a normalised 2D pose looks: joints2d (B, J, 2), visible (B, J) to logits (B,).

    It is shown the direction and length of every bone besides the joints: what is odd about a pose is more often the
    relation of neighbours than the place of one joint (in the spirit of RepNet's kinematic chain space, Wandt and
    Rosenhahn, CVPR 2019). ``bones=False`` leaves them out, as in Chen et al.

    Args:
        joint_set: Names and order of the joints.
        width: Of the hidden layers.
        blocks: Number of residual blocks.
        bones: Whether it is shown the bones besides the joints.
    """

    def __init__(self, joint_set: JointSet, width: int = 256, blocks: int = 2, bones: bool = True) -> None:
        super().__init__()
        pairs = joint_set.bones if bones else ()
        self.register_buffer("pairs", torch.tensor(pairs, dtype=torch.long).view(-1, 2).T, persistent=False)
        self.network = perceptron(3 * len(joint_set) + 3 * len(pairs), 1, width, blocks)
        self.pairs: Tensor
        self._features = Fused(self._features_of)

    def forward(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """Return logits (B,); positive means real.

        Args:
            joints2d: (B, J, 2) normalised poses, lifter units, +y down.
            visible: (B, J) in {0, 1}.
        """
        logits: Tensor = self.network(self._features(joints2d, visible))
        return logits[:, 0]

    def _features_of(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        parents, children = self.pairs
        offset = joints2d[:, children] - joints2d[:, parents]
        length = distances(offset)[..., None].clamp_min(EPSILON)
        seen = (visible[:, children] * visible[:, parents])[..., None]
        bones = [(offset / length * seen).flatten(1), (length * seen).flatten(1)]
        return torch.cat([joints2d.flatten(1), visible, *bones], dim=1)


class PartDiscriminator(BaseDiscriminator):
    """A discriminator of some joints of a larger set: joints2d (B, J, 2), visible (B, J) of ``whole`` to logits (B,).

    It sees the joints of ``part`` alone, in the unit of their own mean distance. Where ``whole`` has much detail (27
    joints: feet, hands, ears) a discriminator of all finds its mistakes there, and says little about elbows.

    Args:
        whole: The joints of its input.
        part: The joints that it looks at, a part of ``whole``.
        width: Of the hidden layers.
        blocks: Number of residual blocks.
        bones: Whether it is shown the bones besides the joints.
    """

    def __init__(self, whole: JointSet, part: JointSet, width: int = 256, blocks: int = 2, bones: bool = True) -> None:
        super().__init__()
        self.discriminator = Discriminator(part, width, blocks, bones)
        self.register_buffer("joints", torch.tensor(whole.indices(part.joints)), persistent=False)
        self.joints: Tensor
        self._part = Fused(self._part_of)

    def forward(self, joints2d: Tensor, visible: Tensor) -> Tensor:
        """Return logits (B,); positive means real.

        Args:
            joints2d: (B, J, 2) normalised poses, lifter units, +y down.
            visible: (B, J) in {0, 1}.
        """
        logits: Tensor = self.discriminator(*self._part(joints2d, visible))
        return logits

    def _part_of(self, joints2d: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        points, seen = joints2d[:, self.joints], visible[:, self.joints]
        return points / mean_distance(points, seen), seen


class Adversarial(LearnedTerm):
    """A turned and re-projected skeleton looks like a real 2D pose to discriminators: the mean over them.

    See the rule for the formula. They judge the re-projection with the missing joints of the label beside it, so that
    missing joints betray nothing. Source: Chen et al. 2019, L_adv (one discriminator).

    Discriminators that have learned the training labels by heart tell every re-projection from them, however good, and
    say no more what is wrong with it. Against that: ``noise`` on whatever they see (instance noise, Soenderby et al.,
    ICLR 2017), and ``steepness``, the weight of ``|dD/dx|^2`` at the labels (R1, Mescheder et al., ICML 2018).

    Args:
        discriminators: The networks that tell real 2D poses from re-projected ones.
        rule: Losses of the game between lifter and discriminators.
        noise: Standard deviation of the instance noise, lifter units.
        steepness: Weight of R1; every fourth step, with four times the weight.
    """

    def __init__(
        self, discriminators: Sequence[BaseDiscriminator], rule: GanRule, noise: float = 0.0, steepness: float = 0.0
    ) -> None:
        super().__init__()
        self.discriminators, self.rule = nn.ModuleList(discriminators), rule
        self.noise, self.steepness, self._step = noise, steepness, 0

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss of the lifter, a scalar; the discriminators' weights get no gradient.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        critics = cast(Sequence[BaseDiscriminator], self.discriminators)
        seen = self._noisy(cycle.masked, cycle.visible)
        losses = [self.rule.generator(each.frozen(seen, cycle.visible)) for each in critics]
        return torch.stack(losses).mean()

    def own_loss(self, cycle: Cycle) -> Tensor:
        """Return the sum of the discriminators' own losses, a scalar; the lifter gets no gradient.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        visible = torch.cat([cycle.visible, cycle.visible])
        poses = self._noisy(torch.cat([cycle.target, cycle.masked.detach()]), visible)
        losses = [self.rule.discriminator(*each(poses, visible).chunk(2)) for each in self.discriminators]
        return torch.stack([*losses, *self._penalties(poses[: len(cycle.target)], cycle.visible)]).sum()

    @torch.no_grad()
    def called_real(self, poses: Tensor, visible: Tensor) -> Tensor:
        """Share of pictures that discriminators take for real, the mean over them, a scalar; without the noise.

        Args:
            poses: (B, J, 2) normalised, lifter units, +y down.
            visible: (B, J) in {0, 1}.
        """
        shares = [(each(poses, visible) > self.rule.boundary).to(poses.dtype).mean() for each in self.discriminators]
        return torch.stack(shares).mean()

    def _noisy(self, poses: Tensor, visible: Tensor) -> Tensor:
        if self.noise == 0:
            return poses
        return poses + self.noise * torch.randn_like(poses) * visible[..., None]

    def _penalties(self, labels: Tensor, visible: Tensor) -> list[Tensor]:
        """How steep each discriminator is at the labels."""
        self._step += 1
        if self.steepness == 0 or self._step % _STEPS_PER_PENALTY:
            return []
        labels = labels.detach().requires_grad_()
        with differentiable_twice():
            slopes = [
                torch.autograd.grad(each(labels, visible).sum(), labels, create_graph=True)[0]
                for each in self.discriminators
            ]
        return [self.steepness * _STEPS_PER_PENALTY * slope.square().sum((1, 2)).mean() for slope in slopes]


def discriminators(
    whole: JointSet, parts: Sequence[JointSet], width: int, blocks: int, bones: bool = True
) -> list[BaseDiscriminator]:
    """One discriminator of all joints, and one of each part that has fewer.

    Args:
        whole: The joints of the poses.
        parts: Joint sets, each a part of ``whole``.
        width: Of the hidden layers.
        blocks: Number of residual blocks.
        bones: Whether they are shown the bones besides the joints.
    """
    smaller = [part for part in parts if len(part) < len(whole)]
    return [
        Discriminator(whole, width, blocks, bones),
        *(PartDiscriminator(whole, part, width, blocks, bones) for part in smaller),
    ]

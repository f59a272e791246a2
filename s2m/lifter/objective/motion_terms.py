"""A discriminator of movements: how 2D poses change from one frame of a video to the next (Chen et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.lifter.network import perceptron
from s2m.lifter.objective.adversarial import BaseDiscriminator
from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.gan_rules import GanRule
from s2m.lifter.objective.terms import LearnedTerm
from s2m.skeletons import JointSet

# Frames that belong together; they follow each other in a batch.
FRAMES = 2


class TemporalDiscriminator(BaseDiscriminator):
    """How real a change between two frames looks: pairs (B, 2, J, 2), visible (B, J) to logits (B,).

    It is shown the difference of the two normalised poses only, so that it says nothing of the poses themselves. Each
    frame has its own origin, because a root-relative skeleton cannot tell how a person moves through the picture.
    Joints with visible 0 have no influence. Source: Chen et al., CVPR 2019, D_T on x_t - x_(t+1).

    Args:
        joint_set: Names and order of the joints.
        width: Of the hidden layers.
        blocks: Number of residual blocks.
    """

    def __init__(self, joint_set: JointSet, width: int = 256, blocks: int = 2) -> None:
        super().__init__()
        self.joint_set = joint_set
        self.network = perceptron(3 * len(joint_set), 1, width, blocks)

    def forward(self, pairs: Tensor, visible: Tensor) -> Tensor:
        """Logits; positive means real.

        Args:
            pairs: (B, 2, J, 2) normalised poses of two frames that follow each other.
            visible: (B, J) in {0, 1}, 1 where both frames show the joint.

        Returns:
            (B,).

        Raises:
            ValueError: When the shapes are not those of the joint set.
        """
        count = len(self.joint_set)
        if pairs.dim() != 4 or pairs.shape[1:] != (FRAMES, count, 2) or visible.shape != (len(pairs), count):
            raise ValueError(
                f"pairs of poses for {self.joint_set.name}: expected (B, 2, {count}, 2) and (B, {count}), "
                f"found {tuple(pairs.shape)} and {tuple(visible.shape)}"
            )
        change = (pairs[:, 0] - pairs[:, 1]) * visible[..., None]
        logits: Tensor = self.network(torch.cat([change.flatten(1), visible], dim=1))
        return logits[:, 0]


class TemporalAdversarial(LearnedTerm):
    """Two frames of a video, lifted, turned by one rotation and re-projected, change as real ones do.

    The batch holds pairs of consecutive frames, one after the other, which share a turn (see ``frames_per_turn`` of
    :class:`SelfSupervision`). See the rule for the formulas. Source: Chen et al., CVPR 2019, L_T.

    Args:
        discriminator: The network that tells real changes of a pose from re-projected ones.
        rule: Losses of the game between lifter and discriminator.
    """

    def __init__(self, discriminator: TemporalDiscriminator, rule: GanRule) -> None:
        super().__init__()
        self.discriminator, self.rule = discriminator, rule

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss of the lifter, a scalar; the discriminator's weights get no gradient.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        return self.rule.generator(self.discriminator.frozen(*_pairs(cycle.masked, cycle.visible)))

    def own_loss(self, cycle: Cycle) -> Tensor:
        """Return the discriminator's own loss, a scalar; the lifter gets no gradient.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        real, visible = _pairs(cycle.target, cycle.visible)
        fake, _ = _pairs(cycle.masked.detach(), cycle.visible)
        logits = self.discriminator(torch.cat([real, fake]), torch.cat([visible, visible]))
        return self.rule.discriminator(*logits.chunk(2))


def _pairs(joints2d: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """(B, J, 2), (B, J) to (B / 2, 2, J, 2), and (B / 2, J) what is visible in both frames."""
    if len(joints2d) % FRAMES:
        raise ValueError(f"temporal: expected pairs of frames, found a batch of {len(joints2d)}; use VideoFrames")
    return joints2d.unflatten(0, (-1, FRAMES)), visible.unflatten(0, (-1, FRAMES)).prod(1)

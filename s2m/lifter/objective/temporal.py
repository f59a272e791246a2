"""A discriminator of movements: how 2D poses change from one frame of a video to the next (Chen et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.lifter.network import perceptron
from s2m.lifter.normalise import normalise
from s2m.lifter.objective.gan_rules import GanRule
from s2m.lifter.projection import project
from s2m.skeletons import JointSet


class TemporalDiscriminator(nn.Module):
    """How real a change between two frames looks: pairs (B, 2, J, 2), visible (B, J) to logits (B,).

    It is shown the difference of the two poses only, so that it says nothing of the poses themselves. pairs: see
    :func:`normalised_pairs`. Joints with visible 0 have no influence. width, blocks: of the network. Source: Chen et
    al., CVPR 2019, D_T on x_t - x_(t+1).
    """

    def __init__(self, joint_set: JointSet, width: int = 256, blocks: int = 2) -> None:
        super().__init__()
        self.joint_set = joint_set
        self.network = perceptron(3 * len(joint_set), 1, width, blocks)

    def forward(self, pairs: Tensor, visible: Tensor) -> Tensor:
        """Return logits (B,); positive means real. ValueError when the shapes are not those of the joint set."""
        _check(pairs, visible, self.joint_set, ())
        change = (pairs[:, 0] - pairs[:, 1]) * visible[..., None]
        logits: Tensor = self.network(torch.cat([change.flatten(1), visible], dim=1))
        return logits[:, 0]

    def judge(self, pairs: Tensor, visible: Tensor) -> Tensor:
        """The same logits, but without a gradient for the weights: how the lifter sees the discriminator."""
        constants = {name: weight.detach() for name, weight in self.named_parameters()}
        logits: Tensor = torch.func.functional_call(self, constants, (pairs, visible))
        return logits


class TemporalAdversarial(nn.Module):
    """The two sides of the game for movements; see the rule for the formulas.

    Real pairs are consecutive frames of a video; fake ones come from :func:`turned_pairs` of their lifted skeletons.
    Both go through :func:`normalised_pairs` with the confidence of the video's joints, so that missing joints betray
    nothing. Source: Chen et al., CVPR 2019, L_T.
    """

    def __init__(self, discriminator: TemporalDiscriminator, rule: GanRule) -> None:
        super().__init__()
        self.discriminator, self.rule = discriminator, rule

    def lifter_loss(self, fake: Tensor, visible: Tensor) -> Tensor:
        """The lifter's unweighted loss of pairs (B, 2, J, 2); the discriminator's weights get no gradient."""
        return self.rule.generator(self.discriminator.judge(fake, visible))

    def player_loss(self, real: Tensor, fake: Tensor, visible: Tensor) -> Tensor:
        """The discriminator's own loss of pairs (B, 2, J, 2); the lifter gets no gradient."""
        pairs = torch.cat([real, fake.detach()])
        logits = self.discriminator(pairs, torch.cat([visible, visible]))
        return self.rule.discriminator(*logits.chunk(2))


def normalised_pairs(joints2d: Tensor, confidence: Tensor, joint_set: JointSet) -> tuple[Tensor, Tensor]:
    """Pairs of poses (B, 2, J, 2), each moved to its own origin, both of a pair divided by one scale; visible (B, J).

    joints2d: (B, 2, J, 2) in any unit; confidence: (B, 2, J). The scale is the mean of the two frames' (see
    :mod:`s2m.lifter.normalise`): with one each, growing would not be a change. Each frame has its own origin, because
    a root-relative skeleton cannot tell how the person moves through the picture. A joint counts as visible if it is
    in both frames; otherwise the origin could jump from one frame to the next.
    """
    _check(joints2d, confidence, joint_set, (2,))
    both = ((confidence[:, 0] > 0) & (confidence[:, 1] > 0)).to(joints2d.dtype)
    frames = normalise(joints2d.flatten(0, 1), both.repeat_interleave(2, 0), joint_set)
    scale = frames.scale.unflatten(0, (-1, 2))
    pairs = frames.joints2d.unflatten(0, (-1, 2)) * (scale / scale.mean(1, keepdim=True))
    return pairs, both


def turned_pairs(skeletons: Tensor, turn: Tensor, distance: float) -> Tensor:
    """Two frames' skeletons (B, 2, J, 3), lifter units, turned by the same rotation and projected: (B, 2, J, 2).

    turn: (B, 3, 3), camera frame. distance: the lifter's ``camera_distance``.
    """
    turned = skeletons @ turn[:, None].transpose(-1, -2)
    return project(turned, distance)


def _check(pairs: Tensor, per_joint: Tensor, joint_set: JointSet, frames: tuple[int, ...]) -> None:
    """``frames``: the dimensions of ``per_joint`` between the batch's and the joints'."""
    count = len(joint_set)
    expected = (len(pairs), *frames, count)
    if pairs.dim() != 4 or pairs.shape[1:] != (2, count, 2) or per_joint.shape != expected:
        raise ValueError(
            f"pairs of poses for {joint_set.name}: expected (B, 2, {count}, 2) and {expected}, "
            f"found {tuple(pairs.shape)} and {tuple(per_joint.shape)}"
        )

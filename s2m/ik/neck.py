"""Neck and head: what the joints above the chest show, and two rotations of the body."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat
from s2m.ik.columns import Swing, constant, directions, mixed
from s2m.ik.units import Axis

# Standard deviations in radians, about x, y, z, rounded from the takes that the other constants are measured on: of
# the head's turn against the chest, and of what the neck has of it beyond its usual share.
_TURN: Axis = (0.3, 0.4, 0.15)
_APART: Axis = (0.13, 0.05, 0.13)
# Metres: how far joints are from where stiff parts would have them. Mostly a matter of definition: with 3 mm, a dataset
# whose head joints lie 2 cm elsewhere turns the head by a radian; with 10 mm by half, and clean joints lose 5 percent.
_SLACK = 0.010
_CHEST_PER_METRE = 5.0  # radians of error of the chest's orientation for a metre of noise


class Neck(nn.Module):
    """Splits what is seen of the head between neck and head.

    Three things are seen: the direction of the lever to the keypoint ``head``, whose lower part, up to the body's head
    joint, turns with the neck and the rest with the head; the direction of Human3.6M's joint in the middle of the neck
    (``neck_nose``), which turns with the neck alone; where nose or ears face. For small turns all are linear in the two
    rotations, so the most probable ones, given how heads usually turn and how noisy the joints are, are sums of what is
    seen with factors that follow from the rest pose (a Gaussian posterior).

    Args:
        usual: Share (3,) of the head's turn that the neck takes about x, y, z.
        levers: (2, 3) the keypoints ``head`` and ``neck_nose`` at rest, relative to the body's neck joint: metres, body
            frame; (1, 3) without the latter.
        head_joint: The body's head joint (3,), likewise.
        facing: (3,) metres, from one point that tells where the head faces to another; ``None``: nothing tells.
        noise: Standard deviation of the joints, metres.
    """

    factors: Tensor

    def __init__(self, usual: Axis, levers: Tensor, head_joint: Tensor, facing: Tensor | None, noise: float) -> None:
        super().__init__()
        posterior = _Posterior(usual, levers, head_joint, facing, noise)
        # Without and with the middle of the neck, without and with what faces.
        cases = [posterior.factors(middle, face) for middle in (False, True) for face in (False, True)]
        constant(self, "factors", torch.stack(cases))
        self.near = Swing(quat.direction(levers[1:])) if len(levers) > 1 else None

    def forward(self, head: Tensor, middle: Tensor, seen: tuple[Tensor, Tensor] | None) -> Tensor:
        """Solve neck and head.

        Args:
            head: (4, 1, B) rotation of the lever from the neck joint to the keypoint ``head``, with the turn about it
                that nose or ears show, chest's frame.
            middle: (3, 1, B) metres, from the neck joint to ``neck_nose``, chest's frame.
            seen: Where ``neck_nose`` and what faces were seen, each (B,) bool; ``None``: everywhere.

        Returns:
            Quaternions (4, 2, B): the neck's own rotation, and that of neck and head together.
        """
        swings = head if self.near is None else torch.cat([head, self.near(directions(middle)[0])], 1)
        return mixed(swings, self.factors[3] if seen is None else self.factors[2 * seen[0].long() + seen[1].long()])


class _Posterior:
    """The linear model behind :class:`Neck`, whose arguments it shares. Unknown: turns of neck, of neck and head."""

    def __init__(self, usual: Axis, levers: Tensor, head_joint: Tensor, facing: Tensor | None, noise: float) -> None:
        along = quat.direction(levers[0])
        by_neck = torch.stack([head_joint, *levers[1:]])
        self.shown = torch.cat([_shown(lever, part) for lever, part in zip(levers, by_neck, strict=True)])
        self.about = torch.outer(along, along)
        self.width = 0.0 if facing is None else float(quat.reject(facing, along).norm())
        share, turn, apart = (torch.diag(levers.new_tensor(values)) for values in (usual, _TURN, _APART))
        mean = torch.cat([share, torch.eye(3).to(levers)])
        self.prior = mean @ turn @ turn @ mean.T
        self.prior[:3, :3] += apart @ apart
        lengths = levers.norm(dim=-1)
        ends = noise**2 + torch.diag(lengths.new_full(lengths.shape, noise**2 + _SLACK**2))
        ends = ends / (lengths[:, None] * lengths) + (_CHEST_PER_METRE * noise) ** 2
        self.error = torch.kron(ends, torch.eye(3).to(levers))
        self.point = 2 * (noise**2 + _SLACK**2)

    def factors(self, middle: bool, face: bool) -> Tensor:
        """(6, 3 L): the most probable turns of neck and of both together for the rotation vectors of L swings."""
        shown, error, prior = self.shown.clone(), self.error.clone(), self.prior.clone()
        if not middle:
            shown[3:] = 0.0
        if face and self.width > 0:
            shown[:3, 3:] += self.about
            error[:3, :3] += self.point / self.width**2 * self.about
        else:
            # The levers lean forwards, so a head that looks aside moves them aside as one that is bent does: the latter
            # is meant.
            prior[1::3], prior[:, 1::3] = 0.0, 0.0
        found = prior @ shown.T @ torch.linalg.inv(shown @ prior @ shown.T + error)
        # As the solver has its columns: x of all rotations first.
        return found.view(2, 3, -1, 3).permute(1, 0, 3, 2).reshape(6, -1)


def _shown(lever: Tensor, by_neck: Tensor) -> Tensor:
    """(3, 6) how far small turns of neck, and of neck and head, swing a lever of which the first part is the neck's."""
    across = [_cross_matrix(lever) @ -_cross_matrix(part) for part in (by_neck, lever - by_neck)]
    return torch.cat(across, 1) / (lever @ lever)


def _cross_matrix(a: Tensor) -> Tensor:
    return quat.cross(a.expand(3, 3), torch.eye(3).to(a)).T

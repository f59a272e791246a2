"""Balls and hinges: hips with knees, shoulders with elbows, all limbs of a body at once.

Two rules with one interface. :class:`SmoothLimbs` is ours; :class:`PlainLimbs` builds the paper's frames (Eqn. 1)
with its Eqn. 2 read as the local rotation that SMPL needs (``P^T C``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat
from s2m.ik.units import Unit

_CARRY_SOFTNESS = 0.02  # sine below which "the plane of the limb contains no solution" is rounded off
_FOLD_SOFTNESS = 0.01


class SmoothLimbs(nn.Module):
    """Swing of the upper bone, twist from the lower one, then the hinge.

    The twist is chosen so that the lower bone keeps the angle that it has with the hinge axis at rest (its carrying
    angle), which is what an elbow or knee can do. Near a straight limb that says nothing; the twist then fades
    smoothly into the shortest swing, at a bend whose sine is ``straight``. No continuous map can return the true
    twist for every bending direction around a straight limb, so some such limit is needed.

    balls: rows of the table, one for each limb; proximal, middle, distal: (U, 3) rest positions in metres, body
    frame, where proximal is the point about which the body's own bone turns.
    """

    upper: Tensor
    lower: Tensor
    axis: Tensor
    side: Tensor
    carry: Tensor
    bend_zero: Tensor
    bend_one: Tensor
    lower_normal: Tensor
    fold: Tensor
    straight: Tensor
    rest_twist: Tensor

    def __init__(
        self, balls: tuple[Unit, ...], proximal: Tensor, middle: Tensor, distal: Tensor, straight: float
    ) -> None:
        super().__init__()
        hinge = _hinges(balls, proximal)
        upper = quat.direction(middle - proximal)
        lower = quat.direction(distal - middle)
        axis = quat.direction(quat.reject(hinge, upper))
        carry = quat.dot(lower, axis)
        bend_zero = quat.direction(quat.reject(lower, axis))
        buffers = {
            "upper": upper,
            "lower": lower,
            "axis": axis,
            "side": quat.cross(upper, axis),
            "carry": carry,
            "bend_zero": bend_zero,
            "bend_one": quat.cross(axis, bend_zero),
            "lower_normal": quat.direction(quat.reject(hinge, lower)),
            "fold": proximal.new_tensor([[unit.fold] for unit in balls]),
            "straight": proximal.new_full((len(balls), 1), straight),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value)
        # The softenings turn the rest pose itself by a few milliradians: taken off, so that rest gives identity.
        self.register_buffer("rest_twist", upper.new_tensor([[1.0, 0.0]]).repeat(len(balls), 1))
        cosine, sine = self._twist(lower, torch.ones_like(carry))
        self.register_buffer("rest_twist", torch.cat([cosine, sine], -1) * torch.rsqrt(cosine**2 + sine**2))

    def forward(self, proximal: Tensor, middle: Tensor, distal: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """Solve all limbs.

        proximal, middle, distal: (B, U, 3) metres in the parent's frame. trust: (B, U, 1) in [0, 1], how far the
        distal joint may decide the twist. Returns quaternions (B, U, 4) of the balls and of the hinges.
        """
        swing = quat.swing(self.upper, quat.direction(middle - proximal, self.upper), self.axis)
        lower = quat.direction(quat.rotate(quat.conjugate(swing), distal - middle), self.lower)
        cosine, sine = self._twist(lower, trust)
        twist = quat.about(self.upper, cosine, sine)
        lower = quat.rotate(quat.conjugate(twist), lower)
        return quat.product(swing, twist), self._hinge(lower)

    def _twist(self, lower: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine (unnormalised) of half the twist that gives ``lower`` the rest carrying angle."""
        along, across = -quat.dot(lower, self.side), quat.dot(lower, self.axis)
        # A limb bent to the wrong side is noise: fold it back instead of turning it by half a turn.
        stray = quat.soft_abs(across - self.carry, _FOLD_SOFTNESS)
        along = torch.sqrt((along + self.fold * stray) ** 2 + _FOLD_SOFTNESS**2) - self.fold * stray
        # Solve lower(tau) . axis = carry: a right triangle with hypotenuse |(along, across)| and one side carry.
        square = along * along + across * across
        rest = square - self.carry * self.carry
        bend = torch.sqrt(0.5 * (rest + torch.sqrt(rest * rest + _CARRY_SOFTNESS**4)))
        scale = trust * bend / (square + _CARRY_SOFTNESS**2)
        along, across = (
            (along * bend + across * self.carry) * scale,
            (across * bend - along * self.carry) * scale,
        )
        # (along, across) has length about sine(bend): fade out below ``straight``.
        stray = quat.soft_abs(across, self.straight)
        along = torch.sqrt((along + self.fold * stray) ** 2 + self.straight**2) - self.fold * stray
        cosine, sine = torch.sqrt(along * along + across * across) + along, across
        rest_cosine, rest_sine = self.rest_twist[:, :1], self.rest_twist[:, 1:]
        return cosine * rest_cosine + sine * rest_sine, sine * rest_cosine - cosine * rest_sine

    def _hinge(self, lower: Tensor) -> Tensor:
        """The signed bend about the hinge axis, then the small swing that is left.

        One shortest arc would do for small bends and is wrong beyond about 86 degrees.
        """
        cosine, sine = quat.dot(lower, self.bend_zero), quat.dot(lower, self.bend_one)
        radius = torch.sqrt(cosine * cosine + sine * sine + 1e-8)
        bend = quat.about(self.axis, radius + cosine + 1e-5, sine)
        rest = quat.rotate(bend, self.lower)
        return quat.product(quat.swing(rest, lower, self.lower_normal), bend)


class PlainLimbs(nn.Module):
    """The paper's frames (Eqn. 1): x along the bone, y the normal of the plane of the limb, z completing them.

    Calibrated to the rest pose, where the normal is the hinge axis because a straight limb has no plane. Turns by up
    to pi near straight limbs, as the paper's does; kept for comparison. Same arguments as :class:`SmoothLimbs`.
    """

    upper: Tensor
    lower: Tensor
    normal: Tensor
    upper_frame: Tensor
    lower_frame: Tensor

    def __init__(
        self, balls: tuple[Unit, ...], proximal: Tensor, middle: Tensor, distal: Tensor, straight: float
    ) -> None:
        super().__init__()
        del straight  # plain frames do not fade
        hinge = _hinges(balls, proximal)
        upper, lower = quat.direction(middle - proximal), quat.direction(distal - middle)
        self.register_buffer("upper", upper)
        self.register_buffer("lower", lower)
        self.register_buffer("normal", quat.direction(quat.reject(hinge, upper)))
        self.register_buffer("upper_frame", _bone_frame(upper, quat.direction(quat.reject(hinge, upper))))
        self.register_buffer("lower_frame", _bone_frame(lower, quat.direction(quat.reject(hinge, lower))))

    def forward(self, proximal: Tensor, middle: Tensor, distal: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """Solve all limbs; see :meth:`SmoothLimbs.forward` (``trust`` is not used)."""
        upper = quat.direction(middle - proximal, self.upper)
        lower = quat.direction(distal - middle, self.lower)
        normal = quat.direction(quat.cross(upper, lower), self.normal, length=1e-6)
        parent = _bone_frame(upper, quat.direction(quat.reject(normal, upper), self.normal, length=1e-6))
        child = _bone_frame(lower, quat.direction(quat.reject(normal, lower), self.normal, length=1e-6))
        ball = parent @ self.upper_frame.transpose(-1, -2)
        hinge = ball.transpose(-1, -2) @ child @ self.lower_frame.transpose(-1, -2)
        return quat.from_matrix(ball), quat.from_matrix(hinge)


def _hinges(balls: tuple[Unit, ...], like: Tensor) -> Tensor:
    missing = [unit.name for unit in balls if unit.hinge is None]
    if missing:
        raise ValueError(f"units {missing}: the rule 'ball' needs a hinge axis")
    return like.new_tensor([unit.hinge for unit in balls])


def _bone_frame(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([x, y, quat.cross(x, y)], -1)

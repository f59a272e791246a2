"""Neck, balls and hinges: the neck, hips with knees and shoulders with elbows, all of a body at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat
from s2m.ik.columns import Columns, Swing, constant, each, rounded, turned, unit
from s2m.ik.units import Unit

# Growth of the fade with noise, per metre: with a bend that noise may have made, the twist says little.
_STRAIGHT_PER_METRE = 16.0
_NOSE_SOFTNESS = 0.02  # metres: a nose behind the head is noise; no sudden half turn


class SmoothLimbs(nn.Module):
    """Swing of the upper bone, twist from the lower one, then the hinge.

    A limb's twist is chosen so that the lower bone keeps the angle that it has with the hinge axis at rest (its
    carrying angle), which is what an elbow or knee can do. Near a straight limb that says nothing; the twist then
    fades smoothly into the shortest swing (:class:`~s2m.ik.units.Fade`). No continuous map can return the true twist
    for every bending direction around a straight limb, so some such limit is needed.

    The neck comes first among the units: its upper bone goes to the head, its lower one to the nose, which gives the
    twist itself. (:mod:`s2m.ik.neck` weighs both.)

    Args:
        balls: Rows of the table, one for each of U limbs.
        upper: (1 + U, 3) upper bones at rest in metres, body frame, the neck's first; each starts at the point about
            which the body's own bone turns.
        lower: (1 + U, 3) lower bones, likewise.
        noise: Standard deviation of the joints, metres.
    """

    raw: Tensor
    raw_bias: Tensor
    plane: Tensor
    plane_bias: Tensor
    signs: Tensor
    fold: Tensor
    side: Tensor
    plane_width: Tensor
    straight: Tensor
    twist: Tensor
    bend: Tensor
    bend_bias: Tensor
    real: Tensor

    def __init__(self, balls: tuple[Unit, ...], upper: Tensor, lower: Tensor, noise: float) -> None:
        super().__init__()
        nose = quat.reject(lower[0], quat.direction(upper[0]))
        if float(nose.norm()) < 1e-3:
            nose = quat.reject(_forward(upper), quat.direction(upper[0]))
        front = quat.direction(nose)
        upper, lower = quat.direction(upper), quat.direction(lower)
        hinges = torch.cat([front[None], hinge_axes(balls, upper)])
        axis = quat.direction(quat.reject(hinges, upper))
        self.algebra = Columns(upper)
        # The shortest swing starts amid the directions that a bone takes, not at rest: opposite to its start it has no
        # definite axis, and opposite to the rest pose there are legs (high kicks), which would turn over.
        amid = upper.new_tensor([unit.amid for unit in balls]).reshape(-1, 3)
        middle = torch.cat([upper[:1], quat.direction(amid, upper[1:])])
        to_middle = quat.swing(upper, middle, axis)
        turn = quat.to_matrix(to_middle)
        self.swing = Swing(middle, (turn @ axis[..., None]).squeeze(-1))
        self._build_twist(balls, upper, lower, axis, hinges, to_middle, noise)
        self._build_hinge(lower[1:], quat.direction(hinges[1:]))

    def _build_twist(
        self,
        balls: tuple[Unit, ...],
        upper: Tensor,
        lower: Tensor,
        axis: Tensor,
        hinges: Tensor,
        to_middle: Tensor,
        noise: float,
    ) -> None:
        count, side, turn = len(upper), quat.cross(upper, axis), quat.to_matrix(to_middle)
        # Bones become directions, but the neck's lower one stays in metres: a nose close to the axis says little.
        raw = upper.new_ones(2, count, 1)
        raw[1, 0] = 0.0
        constant(self, "raw", raw)
        constant(self, "raw_bias", 1 - raw)
        # A bend keeps the lower bone's angle with the hinge. Seen along ``axis``, the hinge's part across the upper
        # bone, that is a constant, less what an oblique hinge has along the upper bone.
        across_length = (hinges * axis).sum(-1)
        slant = (hinges * upper).sum(-1, keepdim=True) / across_length[:, None]
        slant[0] = 0.0
        carry = (lower * (axis + slant * upper)).sum(-1)
        # Rows: the nose along front and side, a lower bone along -side and axis; and how far the latter is from rest.
        along, across = -side.clone(), axis.clone()
        along[0], across[0] = axis[0], side[0]
        plane = torch.stack([along, across, across + slant * upper], 1)
        constant(self, "plane", each(plane @ turn.transpose(1, 2)))
        bias = torch.stack([torch.zeros_like(carry), torch.zeros_like(carry), -carry])
        constant(self, "plane_bias", bias.reshape(-1, 1))
        constant(self, "signs", upper.new_tensor([1.0, -1.0])[:, None, None])
        fades = [unit.fade for unit in balls]
        for name, values in (
            ("fold", [fade.fold for fade in fades]),
            ("side", [fade.side for fade in fades]),
            ("plane_width", [fade.plane for fade in fades]),
            ("straight", [math.hypot(fade.straight, _STRAIGHT_PER_METRE * noise) for fade in fades]),
        ):
            constant(self, name, upper.new_tensor(values)[:, None])
        # The softenings turn the rest pose itself by a few milliradians: taken off, so that rest gives identity.
        at_rest = torch.mm(each(plane), lower.T.reshape(-1, 1)) + self.plane_bias
        cosine, sine = unit(self._half_twist(at_rest.view(3, count, 1)[:, 1:], None))
        cosine, sine = torch.cat([cosine.new_ones(1), cosine[:, 0]]), torch.cat([sine.new_zeros(1), sine[:, 0]])
        blocks = [
            torch.cat([-sine[:, None] * upper, cosine[:, None]], 1),
            torch.cat([cosine[:, None] * upper, sine[:, None]], 1),
        ]
        constant(self, "twist", each(torch.stack([quat.product(to_middle, block) for block in blocks], 2)))

    def _build_hinge(self, lower: Tensor, axis: Tensor) -> None:
        zero = quat.direction(quat.reject(lower, axis))
        one = quat.cross(axis, zero)
        nothing = torch.zeros_like(axis)
        # Cosine and sine of the bend, then a quaternion: the sine along the axis, the cosine as real part.
        turn = torch.einsum("ux,uy->uxy", axis, one)
        constant(self, "bend", each(torch.cat([zero[:, None], one[:, None], turn, zero[:, None]], 1)))
        bias = torch.stack([*(nothing[:, 0] for _ in range(5)), nothing[:, 0] + 1e-5])
        constant(self, "bend_bias", bias.reshape(-1, 1))
        constant(self, "real", axis.new_tensor([0.0, 0.0, 0.0, 1.0])[:, None, None])
        self.rest_swing = Swing(lower)

    def forward(self, bones: Tensor, confidence: Tensor | None) -> tuple[Tensor, Tensor]:
        """Solve neck and limbs.

        Args:
            bones: (3, 2, 1 + U, B) upper and lower bones, metres, in their parents' frames.
            confidence: (1 + U, B) in [0, 1], how far nose and lower bones may decide the twist; ``None``: fully.

        Returns:
            Quaternions of neck and balls (4, 1 + U, B), and of the hinges (4, U, B).
        """
        square = torch.addcmul(self.raw_bias, self.raw, (bones * bones).sum(0))
        bones = bones * torch.rsqrt(square.clamp_min(_SHORT**2))
        swing = unit(self.swing(bones[:, 0]))
        lower = turned(self.algebra.inverse(swing), bones[:, 1])
        units, samples = lower.shape[1:]
        plane = torch.addmm(self.plane_bias, self.plane, lower.view(3 * units, samples)).view(3, units, samples)
        nose = plane[:2, :1] if confidence is None else plane[:2, :1] * confidence[:1]
        halves = torch.cat(
            [self._half_turn(nose), self._half_twist(plane[:, 1:], None if confidence is None else confidence[1:])], 1
        )
        twist = torch.mm(self.twist, unit(halves).view(2 * units, samples)).view(4, units, samples)
        hinge = self._hinge(turned(self.algebra.inverse(twist[:, 1:]), lower[:, 1:]))
        return self.algebra.product(swing, twist), hinge

    def _half_turn(self, nose: Tensor) -> Tensor:
        """Cosine and sine (2, 1, B), unnormalised, of half the angle of (2, 1, B) metres along front and side."""
        along = rounded(nose[:1], _NOSE_SOFTNESS)
        return torch.cat([torch.hypot(along, nose[1:]) + along, nose[1:]])

    def _half_twist(self, plane: Tensor, confidence: Tensor | None) -> Tensor:
        """Cosine and sine (2, U, B), unnormalised, of half the twist that gives lower bones their carrying angle.

        plane: (3, U, B) the lower bone along -side and axis, and the latter less the carrying angle's.
        """
        # A limb bent to the wrong side is noise: fold it back instead of turning it by half a turn.
        along = self._folded(plane[0], plane[2], self.side)
        # Solve lower(tau) . axis = carry: a right triangle with hypotenuse |(along, across)| and one side carry.
        here = torch.stack([along, plane[1]])
        square = (here * here).sum(0)
        carry = plane[1] - plane[2]
        rest = square - carry * carry
        bend = torch.sqrt(0.5 * (rest + rounded(rest, self.plane_width * self.plane_width)))
        scale = bend / (square + self.plane_width * self.plane_width)
        if confidence is not None:
            scale = confidence * scale
        along, across = torch.addcmul(here * bend, carry * self.signs, here.flip(0)) * scale
        # (along, across) has length about sine(bend): fade out below ``straight``.
        along = self._folded(along, across, self.straight)
        return torch.stack([torch.hypot(along, across) + along, across])

    def _folded(self, along: Tensor, aside: Tensor, width: Tensor) -> Tensor:
        """``along`` rounded off to stay positive within ``width``, and left negative as far as it is ``aside``."""
        fold = self.fold * (rounded(aside, width) - width)
        return rounded(along + fold, width) - fold

    def _hinge(self, lower: Tensor) -> Tensor:
        """The signed bend about the hinge axis, after the small swing that is left: (4, U, B).

        One shortest arc would do for small bends and is wrong beyond about 86 degrees.
        """
        units, samples = lower.shape[1:]
        bend = torch.addmm(self.bend_bias, self.bend, lower.view(3 * units, samples)).view(6, units, samples)
        radius = torch.sqrt((bend[:2] * bend[:2]).sum(0) + 1e-8)
        hinge = unit(torch.addcmul(bend[2:], self.real, radius))
        return self.algebra.product(hinge, unit(self.rest_swing(turned(self.algebra.inverse(hinge), lower))))


class PlainLimbs(nn.Module):
    """The paper's frames (Eqn. 1): x along the bone, y the normal of the plane of the limb, z completing them.

    Its Eqn. 2 is read as the local rotation that SMPL needs (``P^T C``). Calibrated to the rest pose, where the
    normal is the hinge axis because a straight limb has no plane. Turns by up to pi near straight limbs, as the
    paper's does; kept for comparison. The neck as in :class:`SmoothLimbs`, whose arguments it shares.

    Args:
        balls: See :class:`SmoothLimbs`.
        upper: See :class:`SmoothLimbs`.
        lower: See :class:`SmoothLimbs`.
        noise: See :class:`SmoothLimbs`; for the neck alone.
    """

    upper: Tensor
    lower: Tensor
    normal: Tensor
    upper_frame: Tensor
    lower_frame: Tensor

    def __init__(self, balls: tuple[Unit, ...], upper: Tensor, lower: Tensor, noise: float) -> None:
        super().__init__()
        self.neck = SmoothLimbs((), upper[:1], lower[:1], noise)
        upper, lower = quat.direction(upper[1:]), quat.direction(lower[1:])
        hinge = hinge_axes(balls, upper)
        constant(self, "upper", upper)
        constant(self, "lower", lower)
        constant(self, "normal", quat.direction(quat.reject(hinge, upper)))
        constant(self, "upper_frame", _bone_frame(upper, quat.direction(quat.reject(hinge, upper))))
        constant(self, "lower_frame", _bone_frame(lower, quat.direction(quat.reject(hinge, lower))))

    def forward(self, bones: Tensor, confidence: Tensor | None) -> tuple[Tensor, Tensor]:
        """See :meth:`SmoothLimbs.forward`."""
        neck, _ = self.neck(bones[:, :, :1], None if confidence is None else confidence[:1])
        upper, lower = bones[:, :, 1:].permute(1, 3, 2, 0)
        upper, lower = quat.direction(upper, self.upper), quat.direction(lower, self.lower)
        normal = quat.direction(quat.cross(upper, lower), self.normal, length=1e-6)
        parent = _bone_frame(upper, quat.direction(quat.reject(normal, upper), self.normal, length=1e-6))
        child = _bone_frame(lower, quat.direction(quat.reject(normal, lower), self.normal, length=1e-6))
        ball = parent @ self.upper_frame.transpose(-1, -2)
        hinge = ball.transpose(-1, -2) @ child @ self.lower_frame.transpose(-1, -2)
        ball, hinge = (quat.from_matrix(m).permute(2, 1, 0) for m in (ball, hinge))
        return torch.cat([neck, ball], 1), hinge.contiguous()


_SHORT = 5e-3  # metres: shorter bones fade to no direction


def hinge_axes(balls: tuple[Unit, ...], like: Tensor) -> Tensor:
    """Bending axes at rest.

    Args:
        balls: Rows of the table.
        like: Any tensor of the precision and on the device that the axes shall have.

    Returns:
        (U, 3) body frame.

    Raises:
        ValueError: For a row of the table without an axis.
    """
    missing = [unit.name for unit in balls if unit.hinge is None]
    if missing:
        raise ValueError(f"units {missing}: the rule 'ball' needs a hinge axis")
    return like.new_tensor([unit.hinge for unit in balls]).reshape(-1, 3)


def _forward(like: Tensor) -> Tensor:
    return like.new_tensor([0.0, 0.0, 1.0])


def _bone_frame(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([x, y, quat.cross(x, y)], -1)

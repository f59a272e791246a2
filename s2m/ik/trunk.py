"""Root, torso and neck: frames of the trunk."""

from __future__ import annotations

from collections.abc import Callable

import roma
import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat

Frame = Callable[[Tensor, Tensor], Tensor]


def lateral_frame(x: Tensor, y: Tensor) -> Tensor:
    """Right-handed frame (..., 3, 3), columns x, y, z: x kept, y made perpendicular to it (Gram-Schmidt).

    Vectors without length fall back to the body's axes, so that a collapsed trunk stays finite.
    """
    ex, ey, ez = torch.eye(3, dtype=x.dtype, device=x.device)
    x = quat.direction(x, ex)
    fallback = quat.direction(quat.reject(torch.where(x[..., 1:2].abs() < 0.9, ey, ez), x))
    y = quat.direction(quat.reject(y, x), fallback)
    return torch.stack([x, y, quat.cross(x, y)], -1)


def symmetric_frame(x: Tensor, y: Tensor) -> Tensor:
    """Right-handed frame in which x and y share the deviation from a right angle equally."""
    ex, ey, _ = torch.eye(3, dtype=x.dtype, device=x.device)
    x, y = quat.direction(x, ex), quat.direction(y, ey)
    plus = quat.direction(x + y, ex)
    minus = quat.direction(quat.reject(x - y, plus), -ey)
    x, y = (plus + minus) * 0.5**0.5, (plus - minus) * 0.5**0.5
    return torch.stack([x, y, quat.cross(x, y)], -1)


class Root(nn.Module):
    """The root orientation from hips and spine, with one correction for the bend that spine1 already has.

    The paper calls it impossible from a skeleton; the hips give x, the spine gives up. The first spine joint sits
    between pelvis and spine keypoint, so a bent back tilts that "up"; a torso estimate corrects for it.

    pelvis, left_hip, right_hip, spine: (3,) rest positions; spine1: (3,) the body's first spine joint at rest.
    """

    def __init__(
        self, pelvis: Tensor, left_hip: Tensor, right_hip: Tensor, spine: Tensor, spine1: Tensor, corrected: bool
    ) -> None:
        super().__init__()
        self.corrected = corrected
        self.register_buffer("x", left_hip - right_hip)
        self.register_buffer("to_spine1", spine1 - pelvis)
        self.register_buffer("spine1_to_spine", spine - spine1)
        self.register_buffer("frame", lateral_frame(left_hip - right_hip, spine - pelvis))

    def forward(self, x: Tensor, up: Tensor, torso: Callable[[Tensor], Tensor]) -> Tensor:
        """x, up: (B, 3) right to left hip and pelvis to spine; ``torso`` maps a root (B, 3, 3) to the quaternion
        (B, 4) of one spine joint. Returns (B, 3, 3), body frame to the joints' frame.
        """
        frame = lateral_frame(x, up)
        root = frame @ self.frame.transpose(-1, -2)
        if not self.corrected:
            return root
        rest_up = self.to_spine1 + quat.rotate(torso(root), self.spine1_to_spine)
        rest = lateral_frame(self.x.expand_as(rest_up), rest_up)
        return frame @ rest.transpose(-1, -2)


class Torso(nn.Module):
    """The bend of the back, shared evenly by ``share`` spine joints.

    x from shoulder to shoulder, y from spine to thorax. spine, thorax, left, right: (3,) at rest.
    """

    def __init__(self, spine: Tensor, thorax: Tensor, left: Tensor, right: Tensor, share: int, frame: Frame):
        super().__init__()
        self.share, self._frame = share, frame
        self.register_buffer("frame", frame(left - right, thorax - spine))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """x, y: (B, 3) in the root's frame. Returns quaternions (B, 4): of the whole bend and of one joint's share."""
        bend = roma.rotmat_to_unitquat(self._frame(x, y) @ self.frame.transpose(-1, -2))
        return bend, quat.power(bend, 1 / self.share)


class Neck(nn.Module):
    """Swing from thorax to head, twist from the nose.

    thorax, head, nose: (3,) at rest; a skeleton without a nose passes its head (the twist is then never trusted).
    """

    def __init__(self, thorax: Tensor, head: Tensor, nose: Tensor):
        super().__init__()
        up = quat.direction(head - thorax)
        offset = quat.reject(nose - thorax, up)
        if float(offset.norm()) < 1e-3:
            offset = quat.reject(up.new_tensor([0.0, 0.0, 1.0]), up)
        front = quat.direction(offset)
        self.register_buffer("up", up)
        self.register_buffer("front", front)
        self.register_buffer("side", quat.cross(up, front))

    def forward(self, head: Tensor, nose: Tensor, trust: Tensor) -> Tensor:
        """head, nose: (B, 3) relative to the thorax, torso frame; trust: (B, 1). Returns a quaternion (B, 4)."""
        swing = quat.swing(self.up, quat.direction(head, self.up), self.front)
        offset = quat.rotate(quat.conjugate(swing), nose)
        x = trust * quat.dot(offset, self.front)
        y = trust * quat.dot(offset, self.side)
        x = torch.sqrt(x * x + 0.02**2)  # metres: a nose behind the head is noise; no sudden half turn
        return quat.product(swing, quat.about(self.up, torch.sqrt(x * x + y * y) + x, y))

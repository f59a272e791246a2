"""Root, torso and neck: frames of the trunk."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat

Frame = Callable[[Tensor, Tensor], Tensor]

_NECK_SPREAD = 0.25  # radians: how far heads turn, as a standard deviation about each axis
_COLLAR_SLACK = 0.006  # metres: error of the chest's own position on clean joints


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
    """The root orientation from hips and spine.

    The paper calls it impossible from a skeleton; the hips give x, the spine gives up. Both bend with the back a
    little, so the frame at rest may be replaced by the one that a first estimate of the bend predicts.
    """

    def forward(self, hips: Tensor, up: Tensor, rest_hips: Tensor, rest_up: Tensor) -> Tensor:
        """Right to left hip and pelvis to spine (B, 3), seen and at rest ((3,) or as bent, (B, 3)).

        Returns (B, 3, 3), body frame to the joints' frame.
        """
        return lateral_frame(hips, up) @ lateral_frame(rest_hips, rest_up).transpose(-1, -2)


class Torso(nn.Module):
    """The bend of the back, shared evenly by ``share`` spine joints: x from shoulder to shoulder, y up the spine."""

    def __init__(self, share: int, frame: Frame) -> None:
        super().__init__()
        self.share, self._frame = share, frame

    def forward(self, x: Tensor, y: Tensor, rest_x: Tensor, rest_y: Tensor) -> Tensor:
        """Right to left shoulder and spine to thorax (B, 3) in the root's frame, seen and at rest.

        Returns the quaternion (B, 4) of one joint's share of the bend.
        """
        bend = quat.from_matrix(self._frame(x, y) @ self._frame(rest_x, rest_y).transpose(-1, -2))
        return quat.power(bend, 1 / self.share)


class Collars(nn.Module):
    """Swing of both collar bones from where the shoulders are, shrunk towards rest as far as noise warrants.

    collars: (2, 3) the body's collar joints at rest, relative to the thorax keypoint; shoulders: (2, 3) likewise the
    shoulder keypoints. noise: standard deviation of the joints in metres.
    """

    collars: Tensor
    rest: Tensor
    normal: Tensor
    gain: Tensor

    def __init__(self, collars: Tensor, shoulders: Tensor, spread: float, noise: float) -> None:
        super().__init__()
        rest = quat.direction(shoulders - collars)
        self.register_buffer("collars", collars)
        self.register_buffer("rest", rest)
        self.register_buffer("normal", quat.direction(quat.reject(rest.roll(1, -1), rest)))
        lever = float((shoulders - collars).norm(dim=-1).mean())
        self.register_buffer("gain", rest.new_tensor(_shrinkage(math.hypot(noise, _COLLAR_SLACK), lever, spread)))

    def forward(self, shoulders: Tensor) -> Tensor:
        """shoulders: (B, 2, 3) relative to the thorax, torso frame. Returns quaternions (B, 2, 4)."""
        swing = quat.swing(self.rest, quat.direction(shoulders - self.collars, self.rest), self.normal)
        return quat.power(swing, self.gain)


class Neck(nn.Module):
    """Swing from thorax to head, twist from the nose, both shrunk towards rest as far as noise warrants.

    thorax, head, nose: (3,) at rest; a skeleton without a nose passes its head (the twist is then never trusted).
    noise: standard deviation of the joints in metres.
    """

    up: Tensor
    front: Tensor
    side: Tensor
    swing_gain: Tensor
    twist_gain: Tensor

    def __init__(self, thorax: Tensor, head: Tensor, nose: Tensor, noise: float) -> None:
        super().__init__()
        up = quat.direction(head - thorax)
        offset = quat.reject(nose - thorax, up)
        lever = float(offset.norm())
        if lever < 1e-3:
            offset = quat.reject(up.new_tensor([0.0, 0.0, 1.0]), up)
        front = quat.direction(offset)
        self.register_buffer("up", up)
        self.register_buffer("front", front)
        self.register_buffer("side", quat.cross(up, front))
        self.noisy = noise > 0
        gains = (
            _shrinkage(noise, float((head - thorax).norm()), _NECK_SPREAD),
            _shrinkage(noise, max(lever, 1e-3), _NECK_SPREAD),
        )
        self.register_buffer("swing_gain", up.new_tensor(gains[0]))
        self.register_buffer("twist_gain", up.new_tensor(gains[1]))

    def forward(self, head: Tensor, nose: Tensor, trust: Tensor) -> Tensor:
        """head, nose: (B, 3) relative to the thorax, torso frame; trust: (B, 1). Returns a quaternion (B, 4)."""
        swing = quat.swing(self.up, quat.direction(head, self.up), self.front)
        offset = quat.rotate(quat.conjugate(swing), nose)
        x = trust * quat.dot(offset, self.front)
        y = trust * quat.dot(offset, self.side)
        x = torch.sqrt(x * x + 0.02**2)  # metres: a nose behind the head is noise; no sudden half turn
        twist = quat.about(self.up, torch.sqrt(x * x + y * y) + x, y)
        if self.noisy:
            swing, twist = quat.power(swing, self.swing_gain), quat.power(twist, self.twist_gain)
        return quat.product(swing, twist)


def _shrinkage(noise: float, lever: float, spread: float) -> float:
    """Share of a measured angle that a prior of ``spread`` radians leaves, with noise at both ends of a lever."""
    return spread**2 / (spread**2 + 2 * (noise / lever) ** 2)

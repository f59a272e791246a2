"""Root and torso: frames of the trunk."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from s2m.ik.columns import Columns, constant, outer, powers, unit
from s2m.ik.fusion import TrunkFusion
from s2m.ik.trunk_model import TRUNK_PARTS, TrunkModel

_SHORT = 5e-3  # metres: shorter bones of the trunk give way to the body's axes
_PARALLEL = 0.02  # sine of the angle below which two bones span no plane
_ASIDE = (0.36, 0.48, 0.8)  # any direction: where the plane is taken from then

# What the frames are made of: differences of parts. x to the left, then y upwards; hips' first, then shoulders'.
FRAME_VECTORS = (
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    ("spine", "pelvis"),
    ("thorax", "spine"),
)


class Frames(nn.Module):
    """Right-handed frames (3, 3, 2, B), rows of components and columns of axes, of the hips and of the shoulders.

    The hips' frame keeps x (Gram-Schmidt); in the shoulders' frame, when it is ``symmetric``, x and y share their
    deviation from a right angle, which is the same as keeping the bisector: it is turned by 45 degrees, as at rest.

    Args:
        like: Any tensor of the precision and on the device that the constants shall have.
        symmetric: Whether the axes of the shoulders' frame share their deviation; otherwise it keeps x, as the hips'
            does.
    """

    share: Tensor
    axes: Tensor
    aside: Tensor

    def __init__(self, like: Tensor, symmetric: bool) -> None:
        super().__init__()
        self.algebra = Columns(like)
        constant(self, "share", like.new_tensor([[0.0], [float(symmetric)]]))
        ex, ey, _ = torch.eye(3).to(like)
        constant(self, "axes", torch.stack([ex, ex, ey, ey], 1)[..., None] / _SHORT)
        constant(self, "aside", like.new_tensor(_ASIDE)[:, None, None] / _PARALLEL)

    def forward(self, vectors: Tensor) -> Tensor:
        """Make the frames.

        Args:
            vectors: (3, 4, B) metres, as in ``FRAME_VECTORS``; degenerate ones fall back to axes, so that frames stay
                finite.

        Returns:
            (3, 3, 2, B), the frame of the hips and that of the shoulders.
        """
        short = torch.relu(_SHORT**2 - (vectors * vectors).sum(0))
        vectors = unit(torch.addcmul(vectors, self.axes, short))
        x, y = vectors[:, :2], vectors[:, 2:]
        z = self.algebra.cross(x, y)
        flat = torch.relu(_PARALLEL**2 - (z * z).sum(0))
        z = self.algebra.cross(x, torch.addcmul(y, self.aside, flat))
        ends = unit(torch.stack([torch.addcmul(x, self.share, y), z], 1))
        first, last = ends[:, 0], ends[:, 1]
        return torch.stack([first, self.algebra.cross(last, first), last], 1)


@dataclass(frozen=True)
class TrunkPose:
    """Orientation of the trunk.

    Attributes:
        root: (3, 3, B) rotation from the body frame to the joints' frame.
        bends: (4, 3, B) quaternions of the three spine joints' orientations in the root's frame: the first is also
            spine1's own rotation, the last the chest's orientation.
    """

    root: Tensor
    bends: Tensor


class Trunk(nn.Module):
    """Root and torso in closed form.

    The root comes from hips and spine (which the paper calls impossible), the bend of the back from the shoulders
    against the root.

    Args:
        rest: (7, 3) the parts of ``TRUNK_PARTS`` at rest, relative to the pelvis joint: metres, body frame.
        spine: (3, 3) the spine joints, likewise.
        carriers: See :class:`TrunkModel`.
        shares: (3, 3) of the whole bend about x, y, z (columns), what each spine joint (row) takes.
        symmetric: See :class:`Frames`.
        corrected: Whether root and bend are found again, against the trunk as bent by the first estimate: the hips'
            frame bends with the back a little, and in the chest's frame the spine points elsewhere when it is bent.
        noise: Standard deviation of the joints, metres; above zero all seven joints are weighed.
    """

    rest_frames: Tensor
    reading: Tensor
    reading_bias: Tensor
    shares: Tensor
    expected: Tensor
    expected_bias: Tensor
    fusion: TrunkFusion | None

    def __init__(
        self,
        rest: Tensor,
        spine: Tensor,
        carriers: Tensor | None,
        shares: Tensor,
        *,
        symmetric: bool,
        corrected: bool,
        noise: float,
    ) -> None:
        super().__init__()
        self.frames, self.corrected = Frames(rest, symmetric), corrected
        self.model = TrunkModel(rest, spine, carriers)
        differences = rest.new_zeros(len(FRAME_VECTORS), len(TRUNK_PARTS))
        for row, (end, start) in enumerate(FRAME_VECTORS):
            differences[row, TRUNK_PARTS.index(end)], differences[row, TRUNK_PARTS.index(start)] = 1.0, -1.0
        constant(self, "rest_frames", self.frames((differences @ rest).T[..., None]))
        weight, bias = _quaternion_reading()
        constant(self, "reading", weight.to(rest))
        constant(self, "reading_bias", bias.to(rest))
        constant(self, "shares", shares.to(rest).cumsum(0).T[..., None])
        self._expect(differences)
        self.fusion = TrunkFusion(self.model, self.shares, noise) if noise > 0 else None

    def _expect(self, differences: Tensor) -> None:
        """One table for the frames' vectors as the model bends them (12 rows) and the chest's matrix (9 rows)."""
        vectors = torch.einsum("vp,xpak->xvak", differences, self.model.weight).reshape(12, 48)
        chest = differences.new_zeros(9, 16, 3)
        chest[..., 2] = Columns(differences).matrix_table
        constant(self, "expected", torch.cat([vectors, chest.view(9, 48)]))
        bias = (self.model.bias @ differences.T).reshape(12, 1)
        constant(self, "expected_bias", torch.cat([bias, bias.new_zeros(9, 1)]))

    def forward(
        self, vectors: Tensor, given: Tensor | None, known: tuple[Tensor, Tensor] | None, trunk: Tensor | None
    ) -> TrunkPose:
        """Solve root and torso.

        Args:
            vectors: (3, 4, B) metres, joints' frame, as in ``FRAME_VECTORS``.
            given: (3, 3, B) a known root; ``None``: it is solved from the joints.
            known: Whether root and whether torso have all of their joints, each (B,) bool; ``None``: they have.
            trunk: (3, 7, B) the joints of ``TRUNK_PARTS`` for the noise model; ``None``: it is left out.

        Returns:
            Root and bends; no rotation where the joints are not there.
        """
        seen = self.frames(vectors)
        hips, chest = seen[:, :, 0], seen[:, :, 1]
        root = self._root(hips, self.rest_frames[:, :, 0], given, known)
        relative = _inverse_times(root, chest)
        bends = self._bends(_times_inverse(relative, self.rest_frames[:, :, 1]), known)
        if self.corrected:
            table = torch.addmm(self.expected_bias, self.expected, outer(bends, bends).view(48, -1))
            bent = self.frames(table[:12].view(3, 4, -1))
            root = self._root(hips, bent[:, :, 0], given, known)
            turn = _times_inverse(_inverse_times(root, chest), bent[:, :, 1])
            bends = self._bends(_times(turn, table[12:].view(3, 3, -1)), known)
        if self.fusion is not None and given is None and trunk is not None:
            fused = self.fusion(root, bends, trunk)
            if known is not None:
                whole = known[0] & known[1]
                fused = torch.where(whole, fused[0], root), torch.where(whole, fused[1], bends)
            root, bends = fused
        return TrunkPose(root, bends)

    def _root(
        self, hips: Tensor, reference: Tensor, given: Tensor | None, known: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        if given is not None:
            return given
        root = _times_inverse(hips, reference)
        if known is None:
            return root
        return torch.where(known[0], root, torch.eye(3, dtype=root.dtype, device=root.device)[..., None])

    def _bends(self, matrix: Tensor, known: tuple[Tensor, Tensor] | None) -> Tensor:
        q = torch.addmm(self.reading_bias, self.reading, matrix.view(9, -1)).unsqueeze(1)
        return self.frames.algebra.kept(None if known is None else known[1], powers(q, self.shares))


def _times(a: Tensor, b: Tensor) -> Tensor:
    return (a.unsqueeze(2) * b).sum(1)


def _times_inverse(a: Tensor, b: Tensor) -> Tensor:
    return (a.unsqueeze(1) * b).sum(2)


def _inverse_times(a: Tensor, b: Tensor) -> Tensor:
    return (a.unsqueeze(2) * b.unsqueeze(1)).sum(0)


def _quaternion_reading() -> tuple[Tensor, Tensor]:
    """(4, 9), (4, 1): quaternion (of any length) of a rotation matrix that turns by less than half a turn.

    The matrix determines 4 q q^T; that times a fixed vector near the identity's quaternion is q up to its length.
    """

    def reading(m: Tensor) -> Tensor:
        (a, b, c), (d, e, f), (g, h, i) = m.tolist()
        rows = [
            [1 + a - e - i, b + d, c + g, h - f],
            [b + d, 1 - a + e - i, f + h, c - g],
            [c + g, f + h, 1 - a - e + i, d - b],
            [h - f, c - g, d - b, 1 + a + e + i],
        ]
        return torch.tensor(rows, dtype=torch.float64) @ torch.tensor([1e-3, 1e-3, 1e-3, 1.0], dtype=torch.float64)

    bias = reading(torch.zeros(3, 3, dtype=torch.float64))
    basis = torch.eye(9, dtype=torch.float64).view(9, 3, 3)
    return torch.stack([reading(m) - bias for m in basis], 1), bias[:, None]

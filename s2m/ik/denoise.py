"""Noisy joints pulled back towards the lengths that bones have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat

_ROUNDS = 4
_RELAXATION = 0.5  # all bones move at once; half a step keeps joints with many bones from overshooting
# Metres by which a bone may differ from the rest skeleton after scaling: body shapes, moving collars.
_SLACK = 0.012

# Pairs of parts whose distance hardly changes with the pose. Bones first, then the trunk's and the head's struts.
_SIDED = (
    ("pelvis", "hip"),
    ("hip", "knee"),
    ("knee", "ankle"),
    ("thorax", "shoulder"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("hip", "spine"),
    ("shoulder", "spine"),
    ("ankle", "heel"),
    ("ankle", "toe"),
    ("heel", "toe"),
    ("wrist", "index"),
    ("wrist", "pinky"),
    ("index", "pinky"),
    ("nose", "ear"),
    ("head", "ear"),
)
_MIDDLE = (
    ("pelvis", "spine"),
    ("spine", "thorax"),
    ("thorax", "nose"),
    ("nose", "head"),
    ("thorax", "head"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    ("left_ear", "right_ear"),
)
_UNSIDED = frozenset({"pelvis", "spine", "thorax", "nose", "head"})


def stiff_pairs(parts: tuple[str, ...]) -> list[tuple[int, int]]:
    """Positions in ``parts`` of all pairs with a nearly constant distance."""

    def sided(part: str, side: str) -> str:
        return part if part in _UNSIDED else f"{side}_{part}"

    names = [(sided(a, side), sided(b, side)) for side in ("left", "right") for a, b in _SIDED]
    slot = {part: i for i, part in enumerate(parts)}
    return [(slot[a], slot[b]) for a, b in (*names, *_MIDDLE) if a in slot and b in slot]


class BoneLengths(nn.Module):
    """A few rounds of position-based relaxation with compliance (XPBD, Macklin et al. 2016).

    Joints with independent noise of ``noise`` metres are moved towards the rest skeleton's bone lengths, scaled to
    the person, as far as noise and bones' own variation warrant: one constraint for each bone takes about a quarter
    of the noise away. rest: (P, 3) the parts at rest, metres.
    """

    first: Tensor
    second: Tensor
    length: Tensor
    compliance: Tensor
    limit: Tensor

    def __init__(self, parts: tuple[str, ...], rest: Tensor, noise: float) -> None:
        super().__init__()
        pairs = torch.tensor(stiff_pairs(parts), dtype=torch.long, device=rest.device)
        self.register_buffer("first", pairs[:, 0])
        self.register_buffer("second", pairs[:, 1])
        self.register_buffer("length", (rest[pairs[:, 0]] - rest[pairs[:, 1]]).norm(dim=-1))
        self.register_buffer("limit", rest.new_tensor(4 * (noise + _SLACK)))
        self.register_buffer("compliance", rest.new_tensor((_SLACK / noise) ** 2))

    def forward(self, points: Tensor, trust: Tensor) -> Tensor:
        """points: (B, P, 3) metres; trust: (B, P), a joint with little trust gives way. Returns (B, P, 3)."""
        both = torch.minimum(trust[:, self.first], trust[:, self.second])
        known = (both > 0).to(points.dtype)
        yielding = 1 / trust.clamp_min(0.05)
        give = yielding[:, self.first], yielding[:, self.second]
        offset = points[:, self.first] - points[:, self.second]
        found = (quat.dot(offset, offset)[..., 0] + 1e-12).sqrt() * known
        expected = self.length * known
        scale = (found * expected).sum(1, keepdim=True) / (expected * expected).sum(1, keepdim=True).clamp_min(1e-6)
        target = scale.clamp(0.2, 5.0) * self.length
        force = torch.zeros_like(target)
        for _ in range(_ROUNDS):
            offset = points[:, self.first] - points[:, self.second]
            length = (quat.dot(offset, offset)[..., 0] + 1e-8).sqrt()
            # An outlier is not noise: it must not drag its neighbours along.
            error = (target - length).clamp(-self.limit, self.limit) - self.compliance * force
            change = _RELAXATION * known * error / (give[0] + give[1] + self.compliance)
            force = force + change
            push = (change / length)[..., None] * offset
            points = points.index_add(1, self.first, push * give[0][..., None])
            points = points.index_add(1, self.second, -push * give[1][..., None])
        return points

"""Noisy joints pulled back towards the lengths that bones have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik.columns import constant

_ROUNDS = 4
_RELAXATION = 0.5  # all bones move at once; half a step keeps joints with many bones from overshooting
# Metres by which a bone may differ from the rest skeleton after scaling: body shapes, moving collars.
_SLACK = 0.009

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
    ("neck_nose", "ear"),
    ("head", "ear"),
)
_MIDDLE = (
    ("pelvis", "spine"),
    ("spine", "thorax"),
    ("thorax", "nose"),
    ("nose", "head"),
    ("thorax", "neck_nose"),
    ("neck_nose", "head"),
    ("thorax", "head"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    ("left_ear", "right_ear"),
)
_UNSIDED = frozenset({"pelvis", "spine", "thorax", "nose", "neck_nose", "head"})


def stiff_pairs(parts: tuple[str, ...]) -> list[tuple[int, int]]:
    """All pairs of parts with a nearly constant distance.

    Args:
        parts: Names of the parts.

    Returns:
        Positions in ``parts`` of both parts of each pair.
    """

    def sided(part: str, side: str) -> str:
        return part if part in _UNSIDED else f"{side}_{part}"

    names = [(sided(a, side), sided(b, side)) for side in ("left", "right") for a, b in _SIDED]
    slot = {part: i for i, part in enumerate(parts)}
    return [(slot[a], slot[b]) for a, b in (*names, *_MIDDLE) if a in slot and b in slot]


class BoneLengths(nn.Module):
    """A few rounds of position-based relaxation with compliance (XPBD, Macklin et al. 2016).

    Joints with independent noise of ``noise`` metres are moved towards the rest skeleton's bone lengths, scaled to
    the person, as far as noise and bones' own variation warrant: one constraint for each bone takes about a quarter
    of the noise away.

    Args:
        parts: Names of the P parts.
        rest: (P, 3) the parts at rest, metres.
        noise: Standard deviation of the joints, metres, above zero.
    """

    ends: Tensor
    spread: Tensor
    length: Tensor
    total: Tensor

    def __init__(self, parts: tuple[str, ...], rest: Tensor, noise: float) -> None:
        super().__init__()
        pairs = torch.tensor(stiff_pairs(parts), dtype=torch.long, device=rest.device)
        # Which parts a bone joins: (2, N, P), one row for each of its ends.
        ends = nn.functional.one_hot(pairs.T, len(parts)).to(rest)
        constant(self, "ends", ends)
        constant(self, "spread", (ends[0] - ends[1]).expand(3, -1, -1))
        length = (rest[pairs[:, 0]] - rest[pairs[:, 1]]).norm(dim=-1)
        constant(self, "length", length[:, None])
        constant(self, "total", (length * length).sum())
        self.limit, self.compliance = 4 * (noise + _SLACK), (_SLACK / noise) ** 2

    def forward(self, points: Tensor, confidence: Tensor | None) -> Tensor:
        """Pull joints towards the lengths of their bones.

        Args:
            points: (3, P, B) metres, any frame.
            confidence: (P, B) in [0, 1]: a joint with little gives way, the bones of one with 0 count as unknown.
                ``None``: all joints give way alike.

        Returns:
            (3, P, B) metres, same frame.
        """
        if confidence is None:
            return self._relax(points, self.length, self.total, 2.0, None)
        both = torch.minimum(self.ends[0] @ confidence, self.ends[1] @ confidence)
        known = (both > 0).to(points.dtype)
        yielding = 1 / confidence.clamp_min(0.05)
        give = (self.ends[0] + self.ends[1]) @ yielding
        total = (self.length * self.length * known).sum(0).clamp_min(1e-6)
        return self._relax(points, self.length * known, total, give, (known, yielding))

    def _relax(
        self,
        points: Tensor,
        expected: Tensor,
        total: Tensor,
        give: Tensor | float,
        weights: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """expected: (N, 1 or B) lengths, 0 for unknown bones; give: how far a bone's ends yield to the same push."""
        offset = torch.bmm(self.spread, points)
        found = torch.sqrt((offset * offset).sum(0) + 1e-12)
        scale = (found * expected).sum(0) / total
        target = scale.clamp(0.2, 5.0) * self.length
        share = _RELAXATION / (give + self.compliance)
        if weights is not None:
            share = share * weights[0]
        force = torch.zeros_like(target)
        back = self.spread.transpose(1, 2)
        for step in range(_ROUNDS):
            if step:
                offset = torch.bmm(self.spread, points)
            length = torch.sqrt((offset * offset).sum(0) + 1e-8)
            # An outlier is not noise: it must not drag its neighbours along.
            error = (target - length).clamp(-self.limit, self.limit) - self.compliance * force
            change = share * error
            force = force + change
            push = torch.bmm(back, change / length * offset)
            points = points + (push if weights is None else push * weights[1])
        return points

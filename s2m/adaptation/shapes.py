"""A person's bones keep their lengths for as long as a recording lasts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from s2m.lifter.objective.terms import EPSILON, distances


class RecordingShapes(nn.Module):
    """``mean_b (l_b / mean(l) - r_kb)^2 + mean_b relu(|r_kb - t_b| - q t_b)^2``: one shape per recording.

    l: lengths of the lifted skeleton's bones, k: the skeleton's recording, r: the recording's ratios, **learned** with
    the lifter, t: where they start; q: ``reach``, by which they may leave it for free. The sides of the body are alike.
    Dimensionless. Takes the place of :class:`~s2m.lifter.objective.bones.BoneRatios`, which has one shape for all.

    Args:
        pairs: (parent, child) positions of each bone's joints.
        mirror: (J,) position of each joint's opposite.
        start: (K, P) ratios per recording, where they start.
        reach: q, a share.
    """

    def __init__(
        self, pairs: Sequence[tuple[int, int]], mirror: Sequence[int], start: Tensor, reach: float = 0.3
    ) -> None:
        super().__init__()
        self.register_buffer("pairs", torch.tensor(list(pairs)).T, persistent=False)
        opposite = [_position(pairs, mirror[parent], mirror[child]) for parent, child in pairs]
        self.register_buffer("opposite", torch.tensor(opposite), persistent=False)
        self.register_buffer("start", start.clone(), persistent=False)
        self.ratios = nn.Parameter(start.clone())
        self.reach = reach
        self.pairs: Tensor
        self.opposite: Tensor
        self.start: Tensor

    def forward(self, skeleton: Tensor, recording: Tensor) -> Tensor:
        """Return the unweighted loss, a scalar.

        Args:
            skeleton: (B, J, 3) lifted, any unit.
            recording: (B,) numbers of their recordings.
        """
        ratios = (self.ratios + self.ratios[:, self.opposite]) / 2
        astray = torch.relu((ratios - self.start).abs() - self.reach * self.start)
        deviation = bone_ratios(skeleton, self.pairs) - ratios[recording]
        return deviation.square().mean() + astray.square().mean()


def bone_ratios(skeleton: Tensor, pairs: Tensor) -> Tensor:
    """Lengths of bones over their mean.

    Args:
        skeleton: (B, J, 3) any unit.
        pairs: (2, P) positions of the joints of each bone.

    Returns:
        (B, P).
    """
    parents, children = pairs
    length = distances(skeleton[:, children] - skeleton[:, parents])
    return length / length.mean(1, keepdim=True).clamp_min(EPSILON)


def _position(pairs: Sequence[tuple[int, int]], first: int, second: int) -> int:
    """Where a bone stands, whichever end comes first."""
    return next(i for i, pair in enumerate(pairs) if set(pair) == {first, second})

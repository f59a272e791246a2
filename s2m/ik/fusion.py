"""Root and torso from noisy joints: a linear Bayesian correction of the closed-form frames.

The frames of :mod:`s2m.ik.trunk` use the fewest joints that determine a rotation, which is best on clean joints and
wasteful on noisy ones: hips are 20 cm apart, so 3 cm of noise turn the root by 0.3 rad, while shoulders and thorax
know better, up to the bend of the back. This step weighs all seven trunk joints against a prior on that bend.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik.columns import Columns, constant, powers, unit
from s2m.ik.trunk_model import TRUNK_PARTS, TrunkModel

# Standard deviation, in radians, of the back's whole bend about x, y, z.
_BEND = (0.25, 0.18, 0.13)
# Metres by which a part moves for reasons that are not in the model: collars, single vertebrae.
_SLACK = {"left_shoulder": 0.02, "right_shoulder": 0.02, "thorax": 0.01, "spine": 0.01}
_LEAST_SLACK = 0.003


class TrunkFusion(nn.Module):
    """One step from closed-form root and bend towards their most probable values.

    The gain is that of the linear posterior at rest, computed once; the residual is that of the bent spine.

    Args:
        model: Where the trunk's joints are when the back bends.
        shares: (3, 3, 1) how far the whole bend about x, y, z (first axis) has come at each spine joint (second axis).
        noise: Standard deviation of the joints, metres.
    """

    shares: Tensor
    gain: Tensor
    pull: Tensor

    def __init__(self, model: TrunkModel, shares: Tensor, noise: float) -> None:
        super().__init__()
        self.model = model
        constant(self, "shares", shares)
        self.algebra = Columns(model.bias)
        gain, pull = self._posterior(noise)
        constant(self, "gain", gain.to(model.bias))
        constant(self, "pull", pull.to(model.bias))

    def _posterior(self, noise: float) -> tuple[Tensor, Tensor]:
        """The step as a linear map (6, 21) of the residuals and (6, 3) of the bend."""

        def model(x: Tensor) -> Tensor:
            turn, bend, move = torch.split(x[:, None], 3)
            points = self.model(self.bends(_small(bend)))
            return ((self.algebra.matrix(_small(turn)[:, None]) * points).sum(1) + move[:, None]).reshape(-1)

        at_rest = self.model.bias.new_zeros(9)
        jacobian = torch.autograd.functional.jacobian(model, at_rest).double().cpu()  # type: ignore[no-untyped-call]
        prior = torch.zeros(9, 9, dtype=torch.float64)
        prior[3:6, 3:6] = torch.diag(torch.tensor(_BEND, dtype=torch.float64) ** -2)
        slack = torch.tensor([_SLACK.get(part, _LEAST_SLACK) for part in TRUNK_PARTS], dtype=torch.float64)
        weighted = jacobian.T / (slack**2 + noise**2).repeat(3)
        covariance = torch.linalg.inv(weighted @ jacobian + prior)
        return (covariance @ weighted)[:6], (covariance @ prior)[:6, 3:6]

    def bends(self, chest: Tensor) -> Tensor:
        """Orientations of the three spine joints, from the last one's.

        Args:
            chest: (4, B) quaternion of the chest, root's frame.

        Returns:
            Quaternions (4, 3, B), root's frame.
        """
        return powers(chest.unsqueeze(1), self.shares)

    def forward(self, root: Tensor, bends: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Correct the root and the spine's orientations.

        Args:
            root: (3, 3, B) rotation from the body frame to the joints' frame.
            bends: (4, 3, B) quaternions of the three spine joints, root's frame.
            points: (3, 7, B) the joints of ``TRUNK_PARTS``, any origin and size, in the joints' frame.

        Returns:
            Root and spine's orientations, shaped as they were given.
        """
        predicted = self.model(bends)
        seen = (root.unsqueeze(2) * points.unsqueeze(1)).sum(0)
        seen, centred = seen - seen.mean(1, keepdim=True), predicted - predicted.mean(1, keepdim=True)
        size, expected = ((x * x).sum((0, 1)) for x in (seen, centred))
        residual = seen * torch.sqrt(expected / (size + 1e-8)) - centred
        chest = bends[:, 2]
        step = self.gain @ residual.view(3 * len(TRUNK_PARTS), -1) - self.pull @ (2 * chest[:3])
        turn, extra = _small(step[:3]), _small(step[3:])
        turn = self.algebra.matrix(turn.unsqueeze(1))[:, :, 0]
        chest = self.algebra.product(extra.unsqueeze(1), chest.unsqueeze(1))[:, 0]
        return (root.unsqueeze(2) * turn).sum(1), self.bends(chest)


def _small(vector: Tensor) -> Tensor:
    """Unit quaternion (4, B) of a moderate rotation vector (3, B): smooth, and exact to first order."""
    return unit(torch.cat([0.5 * vector, torch.ones_like(vector[:1])]))

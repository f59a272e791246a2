"""Root and torso from noisy joints: a linear Bayesian correction of the closed-form frames.

The frames of :mod:`s2m.ik.trunk` use the fewest joints that determine a rotation, which is best on clean joints and
wasteful on noisy ones: hips are 20 cm apart, so 3 cm of noise turn the root by 0.3 rad, while shoulders and thorax
know better, up to the bend of the back. This step weighs all seven trunk joints against a prior on that bend.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat
from s2m.ik.trunk_model import TRUNK_PARTS, TrunkModel

# Standard deviation, in radians, of one spine joint's share of the bend about x, y, z.
_BEND = (0.11, 0.08, 0.06)
# Metres by which a part moves for reasons that are not in the model: collars, single vertebrae.
_SLACK = {"left_shoulder": 0.02, "right_shoulder": 0.02, "thorax": 0.01, "spine": 0.01}
_LEAST_SLACK = 0.003


class TrunkFusion(nn.Module):
    """One step from closed-form root and bend towards their most probable values.

    The gain is that of the linear posterior at rest, computed once; the residual is that of the bent spine.
    noise: standard deviation of the joints in metres.
    """

    gain: Tensor
    pull: Tensor

    def __init__(self, model: TrunkModel, noise: float) -> None:
        super().__init__()
        self.model = model
        gain, pull = self._posterior(noise)
        self.register_buffer("gain", gain.to(model.moment))
        self.register_buffer("pull", pull.to(model.moment))

    def _posterior(self, noise: float) -> tuple[Tensor, Tensor]:
        """The step as a linear map (6, 21) of the residuals and (6, 3) of the bend."""

        def model(x: Tensor) -> Tensor:
            turn, bend, move = torch.split(x, 3)
            points = self.model(_small(bend[None]))[0]
            return (quat.rotate(_small(turn[None]), points) + move).reshape(-1)

        at_rest = self.model.moment.new_zeros(9)
        jacobian = torch.autograd.functional.jacobian(model, at_rest).double().cpu()  # type: ignore[no-untyped-call]
        prior = torch.zeros(9, 9, dtype=torch.float64)
        prior[3:6, 3:6] = torch.diag(torch.tensor(_BEND, dtype=torch.float64) ** -2)
        slack = torch.tensor([_SLACK.get(part, _LEAST_SLACK) for part in TRUNK_PARTS], dtype=torch.float64)
        weighted = jacobian.T / (slack**2 + noise**2).repeat_interleave(3)
        covariance = torch.linalg.inv(weighted @ jacobian + prior)
        return (covariance @ weighted)[:6], (covariance @ prior)[:6, 3:6]

    def forward(self, root: Tensor, share: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Correct a root (B, 3, 3) and one spine joint's share of the bend (B, 4).

        points: (B, 7, 3) trunk joints, any origin and size, in the joints' frame.
        """
        predicted = self.model(share)
        seen = points @ root
        seen, centred = seen - seen.mean(1, keepdim=True), predicted - predicted.mean(1, keepdim=True)
        size = (seen.square().sum((1, 2), keepdim=True) + 1e-8).sqrt()
        residual = seen * (centred.square().sum((1, 2), keepdim=True).sqrt() / size) - centred
        bend = 2 * torch.where(share[:, 3:] < 0, -share, share)[:, :3]
        step = residual.reshape(-1, 3 * len(TRUNK_PARTS)) @ self.gain.T - bend @ self.pull.T
        turn, extra = _small(step[:, :3]), _small(step[:, 3:])
        return root @ quat.to_matrix(turn), quat.product(extra, share)


def _small(vector: Tensor) -> Tensor:
    """Unit quaternion of a moderate rotation vector (B, 3): smooth, and exact to first order."""
    q = torch.cat([0.5 * vector, torch.ones_like(vector[:, :1])], 1)
    return q * torch.rsqrt(quat.dot(q, q))

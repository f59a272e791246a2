"""A normalising flow over 2D poses, which tells how likely a re-projected skeleton is."""

from __future__ import annotations

import math
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from zuko.flows.coupling import GeneralCouplingTransform
from zuko.transforms import MonotonicAffineTransform

from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.pose_pca import PosePCA
from s2m.lifter.objective.terms import LearnedTerm, weights_held
from s2m.skeletons import JointSet

# A coupling scales by at most e to this power, up or down: poses far from all real ones keep finite likelihoods.
_LOG_SCALE = 2.0


class PoseFlow(nn.Module):
    """Density of normalised 2D poses: affine couplings from their principal components to a standard normal.

    ``log p(c) = log N(f(c); 0, I) + log |det df/dc|``, c: the pose's K components. Every coupling leaves a random half
    of the components as they are and scales and shifts the others by functions of these; the next one does the
    reverse. It starts as the identity, that is as a Gaussian fitted to the poses. Source: RealNVP, Dinh et al., ICLR
    2017; on PCA of 2D poses: ElePose, Wandt et al., CVPR 2022.

    Args:
        pca: Gets fitted before use.
        couplings: Their number.
        width: Of the two hidden layers in each.
        seed: Of the halves.

    Raises:
        ValueError: For a number < 1.
    """

    def __init__(self, pca: PosePCA, couplings: int = 8, width: int = 256, seed: int = 0) -> None:
        super().__init__()
        if couplings < 1 or width < 1:
            raise ValueError(f"PoseFlow: expected couplings >= 1 and width >= 1, found {couplings} and {width}")
        self.pca = pca
        self.couplings = nn.ModuleList(_coupling(half, width) for half in _halves(pca.components, couplings, seed))

    def log_prob(self, joints2d: Tensor) -> Tensor:
        """Log-density of the components of normalised poses.

        Args:
            joints2d: (B, J, 2) normalised poses, lifter units, +y down.

        Returns:
            (B,) nats.

        Raises:
            ValueError: For another shape.
        """
        with torch.autocast(joints2d.device.type, enabled=False):
            latent, log_volume = self.transform(self.pca.encode(joints2d.to(self.pca.mean.dtype)))
            normal = -0.5 * (latent.square().sum(1) + latent.shape[1] * math.log(2 * math.pi))
            return normal + log_volume

    def frozen(self, joints2d: Tensor) -> Tensor:
        """The same log-densities, but without a gradient for the weights: how the lifter sees the flow.

        Both players' losses can then be summed and differentiated at once.

        Args:
            joints2d: (B, J, 2) normalised poses, lifter units, +y down.
        """
        with weights_held(self):
            return self.log_prob(joints2d)

    def transform(self, components: Tensor) -> tuple[Tensor, Tensor]:
        """The map f from components to latents.

        Args:
            components: (B, K).

        Returns:
            Latents (B, K), and log |det df/dc| (B,).
        """
        log_volume = components.new_zeros(len(components))
        for coupling in self.couplings:
            components, change = coupling().call_and_ladj(components)
            log_volume = log_volume + change
        return components, log_volume

    def invert(self, latent: Tensor) -> Tensor:
        """The inverse of f.

        Args:
            latent: (B, K).

        Returns:
            Components (B, K).
        """
        for coupling in reversed(self.couplings):
            latent = coupling().inv(latent)
        return latent

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw normalised poses.

        Args:
            count: How many.
            generator: Of random numbers; torch's global one when none is given.

        Returns:
            (count, J, 2).
        """
        like = self.pca.mean
        shape = (count, self.pca.components)
        latent = torch.randn(shape, device=like.device, dtype=like.dtype, generator=generator)
        return self.pca.decode(self.invert(latent))


def _coupling(unchanged: Tensor, width: int) -> GeneralCouplingTransform:
    """unchanged: (K,) bool. Starts as the identity."""
    coupling = GeneralCouplingTransform(
        features=len(unchanged),
        mask=unchanged,
        univariate=partial(MonotonicAffineTransform, slope=math.exp(-_LOG_SCALE)),
        hidden_features=(width, width),
        activation=nn.SiLU,
    )
    nn.init.zeros_(coupling.hyper[-1].weight)
    nn.init.zeros_(coupling.hyper[-1].bias)
    return coupling


def _halves(components: int, count: int, seed: int) -> list[Tensor]:
    """``count`` random halves (K,) of the components; every second one is the complement of the one before."""
    generator = torch.Generator().manual_seed(seed)
    halves: list[Tensor] = []
    while len(halves) < count:
        half = torch.randperm(components, generator=generator) < components // 2
        halves += [half, ~half]
    return halves[:count]


class FlowPrior(LearnedTerm):
    """``-mean_b log p(y_b) / K``: a turned and re-projected skeleton is as likely as a real 2D pose.

    y: the re-projection, all joints. p: a normalising flow over K principal components that learns from the labels in
    the same batch, see :func:`flow_loss`. Unit: nats per component; the entropy of real poses is the value to expect at
    best, and is below that of a standard normal (1.42). Source: ElePose, Wandt et al., CVPR 2022, who train the flow
    beforehand; here it goes on learning.

    The batches are counted in a buffer, so that a resumed training goes on as if never stopped; only those count in
    which the flow learns (training mode).

    Args:
        flow: The normalising flow.
        warmup_steps: Steps that the flow has to itself at the start, in which the term is zero.
        noise: Standard deviation of the noise on the labels that the flow learns from, lifter units; it keeps densities
            bounded where labels are exact.

    Raises:
        ValueError: For a negative argument.
    """

    # For the principal components; of 34 coordinates more labels change nothing that can be seen.
    sample_size: ClassVar[int] = 20000

    def __init__(self, flow: PoseFlow, warmup_steps: int = 1000, noise: float = 0.01) -> None:
        super().__init__()
        if warmup_steps < 0 or noise < 0:
            raise ValueError(f"FlowPrior: expected warmup_steps >= 0, noise >= 0; found {warmup_steps}, {noise}")
        self.flow, self.warmup_steps, self.noise = flow, warmup_steps, noise
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.steps: Tensor

    def prepare(self, poses: Tensor, visible: Tensor) -> None:
        """Fit the principal components to the poses without missing joints.

        A resumed training keeps the components that its flow was trained on.

        Args:
            poses: (N, J, 2) normalised labels of the training frames.
            visible: (N, J) in {0, 1}.

        Raises:
            PoseSampleError: When these are too few.
        """
        if not self.flow.pca.fitted:
            self.flow.pca.fit(poses[visible.all(1)])

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss of the lifter, a scalar; the flow's weights get no gradient.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        loss = -self.flow.frozen(cycle.reprojected).mean() / self.flow.pca.components
        return torch.where(self.steps >= self.warmup_steps, loss, torch.zeros_like(loss))

    def own_loss(self, cycle: Cycle) -> Tensor:
        """Return the flow's own loss, a scalar; the lifter gets no gradient. Counts the batch when training.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        if self.training:
            self.steps += 1
        noisy = cycle.target + self.noise * torch.randn_like(cycle.target) if self.noise else cycle.target
        return flow_loss(self.flow, noisy, cycle.visible)


class FreshFlowPrior(FlowPrior):
    """A :class:`FlowPrior` with a flow of its own, made from plain settings; the class that configs name.

    Args:
        joint_set: Joint set of the poses.
        components: Number of principal components that the flow models; null: 26 for 17 joints, and the same share of
            the free coordinates for others.
        couplings: Number of affine couplings of the flow.
        width: Neurons of the two hidden layers of each coupling.
        warmup_steps: Steps that the flow has to itself at the start, in which the term is zero.
        noise: Standard deviation of the noise on the labels that the flow learns from, lifter units; it keeps densities
            bounded where labels are exact.
    """

    def __init__(
        self,
        joint_set: JointSet,
        components: int | None = None,
        couplings: int = 8,
        width: int = 256,
        warmup_steps: int = 1000,
        noise: float = 0.01,
    ) -> None:
        super().__init__(PoseFlow(PosePCA(joint_set, components), couplings, width), warmup_steps, noise)


def flow_loss(flow: PoseFlow, real: Tensor, visible: Tensor) -> Tensor:
    """``-mean_b log p(x_b) / K`` over real poses without missing joints; in nats per component.

    Args:
        flow: The density.
        real: (B, J, 2) normalised poses x.
        visible: (B, J) in {0, 1}. A batch in which every pose lacks a joint gives zero, with zero gradients.
    """
    complete = visible.all(1)
    # Poses are weighted, not picked: shapes stay fixed, and no value has to be read from the device.
    likelihood = torch.where(complete, flow.log_prob(real), 0.0)
    return -likelihood.sum() / complete.sum().clamp_min(1) / flow.pca.components

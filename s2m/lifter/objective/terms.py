"""Loss terms on one cycle. Each is one class, unweighted, in lifter units (mean visible 2D joint distance = 1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn

from s2m.fused import Fused
from s2m.lifter.objective.cycle import Cycle

EPSILON = 1e-6


class Term(nn.Module, ABC):
    """A scalar loss of a cycle."""

    @abstractmethod
    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """


class LearnedTerm(Term):
    """A term with a network of its own, which learns from the same batch what real 2D poses look like.

    ``forward`` must give that network's weights no gradient, ``own_loss`` none to the lifter: both losses can then
    be summed and differentiated at once.
    """

    # How many training labels `prepare` wants to see.
    sample_size: ClassVar[int] = 0

    def prepare(self, poses: Tensor, visible: Tensor) -> None:
        """Look at labels before the training starts.

        Args:
            poses: (N, J, 2) normalised labels of the training frames.
            visible: (N, J) in {0, 1}.
        """

    @abstractmethod
    def own_loss(self, cycle: Cycle) -> Tensor:
        """Return the loss of the term's own network, a scalar.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """


@contextmanager
def weights_held(network: nn.Module) -> Iterator[None]:
    """What is computed within gives no gradient to the network's weights: how the lifter sees its opponent.

    Args:
        network: Whose weights get no gradient.
    """
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    try:
        for weight in trained:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


def distances(difference: Tensor) -> Tensor:
    """Lengths of vectors; their derivative at zero is zero.

    Args:
        difference: (..., D).

    Returns:
        (...).
    """
    length: Tensor = torch.linalg.vector_norm(difference, dim=-1)
    return length


@Fused
def mean_distances(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean Euclidean distances of points.

    Args:
        predicted: (B, J, D) points.
        target: (B, J, D) points, same unit and frame.

    Returns:
        (B,).
    """
    return distances(predicted - target).mean(1)


@Fused
def weighted_distances(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums of the Euclidean distances of points.

    Args:
        predicted: (B, J, D) points.
        target: (B, J, D) points, same unit and frame.
        weight: (B, J).

    Returns:
        (B,).
    """
    return (weight * distances(predicted - target)).sum(1)


def confident_distance(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean Euclidean distance of points.

    Args:
        predicted: (B, J, D) points.
        target: (B, J, D) points, same unit and frame.
        weight: (B, J); joints of weight 0 play no part.

    Returns:
        A scalar.
    """
    total: Tensor = weighted_distances(predicted, target, weight).sum()
    return total / weight.sum().clamp_min(EPSILON)


class Cycle2D(Term):
    """``sum_j c_j |x'_j - x_j| / sum_j c_j``: joints that went around the cycle return to where they were.

    x: labels, x': lifted, turned, projected, lifted, turned back and projected; c: confidence. Unit: lifter units.
    Source: Chen et al. 2019, L_2D (there squared; the distance is robust to outliers).
    """

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        return confident_distance(cycle.returned, cycle.target, cycle.weight)


class Cycle3D(Term):
    """``mean_j |Y_j - R X_j|``: the skeleton lifted from a turned view is the turned skeleton.

    X: lifted, Y: lifted from the projection of R X. Unit: lifter units. Source: Chen et al. 2019, L_3D (there squared).
    """

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        distance: Tensor = mean_distances(cycle.relifted, cycle.rotated).mean()
        return distance


class Denoising(Term):
    """``sum_j c_j |x^_j - x_j| / sum_j c_j``: the 2D output is the detection as it was before noise was added.

    x^: the lifter's 2D output for the disturbed labels x; c: confidence. Unit: lifter units. Needs no clean data:
    the target is the label itself. Source: this project.
    """

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        return confident_distance(cycle.denoised, cycle.target, cycle.weight)

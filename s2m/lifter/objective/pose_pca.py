"""The space in which 2D poses are rated: their principal components, each with unit variance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from s2m.errors import UserError
from s2m.skeletons import JointSet

# Of 17 joints' 32 free coordinates ElePose keeps 26; other joint sets keep the same share.
_KEPT_SHARE = 26 / 32
# A direction with less of the largest standard deviation than this is rounding, not anatomy.
_SMALLEST_SHARE = 1e-4


class PoseSampleError(UserError, ValueError):
    """The 2D poses given do not determine the principal components."""


class PosePCA(nn.Module):
    """Whitened principal components of normalised 2D poses: ``c = (x - mean) B^T / s``.

    Here x is a pose (J, 2), flattened; B (K, 2 J) has orthonormal rows, the directions of largest variance; s is the
    standard deviation along each. Over the sample the components are uncorrelated with mean 0 and variance 1. The last,
    smallest components are dropped: they are mostly detection noise, and the root joint, which always lies at the
    origin, has none. Mean, B and s are buffers, kept in the state dict; until :meth:`fit` or a state dict sets them,
    using them raises RuntimeError. Source: ElePose, Wandt et al., CVPR 2022 (whitening: this project).

    Args:
        joint_set: Names and order of the joints.
        components: K; 26 for 17 joints, the same share of the free coordinates for others, if not given.

    Raises:
        ValueError: For components outside 2 .. 2 (J - 1).
    """

    def __init__(self, joint_set: JointSet, components: int | None = None) -> None:
        super().__init__()
        free = 2 * (len(joint_set) - 1)
        self.components = round(_KEPT_SHARE * free) if components is None else components
        if not 2 <= self.components <= free:
            raise ValueError(f"components: expected 2 to {free} for {joint_set.name}, found {components}")
        self.joint_set = joint_set
        self.register_buffer("mean", torch.zeros(2 * len(joint_set)))
        self.register_buffer("basis", torch.zeros(self.components, 2 * len(joint_set)))
        self.register_buffer("deviation", torch.zeros(self.components))
        self.mean: Tensor
        self.basis: Tensor
        self.deviation: Tensor
        # A plain attribute, because looking at a buffer would make the host wait for the device in every step.
        self.fitted = False
        self.register_load_state_dict_post_hook(_note_what_was_loaded)

    @torch.no_grad()
    def fit(self, joints2d: Tensor) -> PosePCA:
        """Find the components of a sample of normalised poses.

        Args:
            joints2d: (N, J, 2) without missing joints.

        Returns:
            Itself.

        Raises:
            PoseSampleError: For another shape, values that are not finite, N <= K, or poses that vary in fewer than K
                directions. Nothing is changed then.
        """
        self._check(joints2d)
        if len(joints2d) <= self.components:
            raise PoseSampleError(
                f"2D poses without missing joints: expected more than {self.components}, the number of principal "
                f"components, found {len(joints2d)}"
            )
        flat = joints2d.flatten(1).double()
        if not bool(flat.isfinite().all()):
            raise PoseSampleError("2D poses: expected finite joints, found NaN or infinity")
        mean = flat.mean(0)
        variance, directions = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
        deviation = variance.clamp_min(0).sqrt().flip(0)
        varied = int((deviation > _SMALLEST_SHARE * deviation[0]).sum())
        if varied < self.components:
            raise PoseSampleError(
                f"2D poses: expected variation in at least {self.components} directions, the number of principal "
                f"components, found {varied}"
            )
        basis = _with_fixed_signs(directions.T.flip(0)[: self.components])
        self.mean.copy_(mean)
        self.basis.copy_(basis)
        self.deviation.copy_(deviation[: self.components])
        self.fitted = True
        return self

    def encode(self, joints2d: Tensor) -> Tensor:
        """Components of normalised poses.

        Args:
            joints2d: (B, J, 2) normalised poses, lifter units, +y down.

        Returns:
            (B, K), without a unit.

        Raises:
            ValueError: For another shape.
        """
        self._check(joints2d)
        self._require_fit()
        return (joints2d.flatten(1) - self.mean) @ self.basis.T / self.deviation

    def decode(self, components: Tensor) -> Tensor:
        """The poses with these components, the dropped ones being as in the mean pose.

        Args:
            components: (B, K).

        Returns:
            (B, J, 2).
        """
        self._require_fit()
        flat = self.mean + (components * self.deviation) @ self.basis
        return flat.unflatten(1, (len(self.joint_set), 2))

    def _check(self, joints2d: Tensor) -> None:
        count = len(self.joint_set)
        if joints2d.dim() != 3 or joints2d.shape[1:] != (count, 2):
            raise PoseSampleError(
                f"2D poses for {self.joint_set.name}: expected (B, {count}, 2), found {tuple(joints2d.shape)}"
            )

    def _require_fit(self) -> None:
        if not self.fitted:
            raise RuntimeError("PosePCA: fit it to 2D poses, or load its state, before it is used")


def _with_fixed_signs(basis: Tensor) -> Tensor:
    """Rows whose largest entry is positive: eigenvectors have no sign of their own, and libraries differ."""
    largest = basis.gather(1, basis.abs().argmax(1, keepdim=True))
    return basis * largest.sign()


def _note_what_was_loaded(module: nn.Module, incompatible: Any) -> None:
    assert isinstance(module, PosePCA)
    module.fitted = bool((module.deviation > 0).all())

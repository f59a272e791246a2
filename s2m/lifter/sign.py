"""Tells, from labels alone, that a lifter has settled on mirrored depth."""

from __future__ import annotations

from s2m.errors import UserError

# Weight of the past in the running mean.
_MEMORY = 0.8


class MirroredError(UserError, RuntimeError):
    """A lifter has learned depth with the wrong sign."""


class SignWatch:
    """Follows the share of skeletons that anatomy takes for mirrored, and stops a hopeless training.

    Args:
        limit: Share above which a training is hopeless; None: never stop.
        patience: Steps before anything is said, since the sign may still turn early on.
    """

    def __init__(self, limit: float | None = 0.5, patience: int = 2000) -> None:
        if limit is not None and not 0 < limit <= 1:
            raise ValueError(f"mirrored_limit: expected a share in (0, 1] or null, found {limit}")
        self.limit, self.patience = limit, patience
        self._mean: float | None = None

    def update(self, share: float, step: int) -> float:
        """Record the share of mirrored skeletons at a step.

        Args:
            share: From 0 to 1.
            step: Number of the training step.

        Returns:
            The running mean of the share.

        Raises:
            MirroredError: When the training is hopeless.
        """
        self._mean = share if self._mean is None else _MEMORY * self._mean + (1 - _MEMORY) * share
        if self.limit is not None and step >= self.patience and self._mean > self.limit:
            raise MirroredError(
                f"step {step}: {100 * self._mean:.0f} % of the lifted skeletons have knees that bend the wrong way or "
                "necks that lean backwards: the lifter has learned depth with the wrong sign. Give "
                "model.weights.chirality more weight or take another seed; model.mirrored_limit: null goes on anyway"
            )
        return self._mean

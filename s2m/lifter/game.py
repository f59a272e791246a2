"""Tells, from labels alone, that discriminators have won against a lifter, and by what."""

from __future__ import annotations

# Weight of the past in the running means.
_MEMORY = 0.8
# So far apart, as shares of the pictures, are labels and re-projections for discriminators that have won. In games that
# went well they were 0.1 to 0.2 apart, in one that cost the lifter a fifth of its accuracy 0.3 (docs/lifter.md).
_APART = 0.5
# Unseen people nearer to re-projections than to training pictures are not known as people at all.
_BY_HEART = 0.5


class GameWatch:
    """Compares what discriminators say of training pictures, of re-projections and of people they have never seen.

    A good discriminator is hardly better than a guess once its lifter is good. One that tells nearly all apart has won:
    either it knows the training pictures by heart, and calls people whom it has not seen made-up like the rest, or it
    has found a fault that the lifter cannot mend. Both leave the lifter without a lesson.

    Args:
        patience: Steps before anything is said: a new lifter is told from people at a glance.
    """

    def __init__(self, patience: int = 2000) -> None:
        self.patience = patience
        self._seen: float | None = None
        self._made: float | None = None
        self._said = False

    def update(self, seen: float, made: float) -> None:
        """Record a training step.

        Args:
            seen: Share of training pictures that are called real.
            made: Share of re-projections that are called real.
        """
        self._seen, self._made = _later(self._seen, seen), _later(self._made, made)

    def verdict(self, unseen: float, step: int) -> str | None:
        """What there is to say, once: that the game is lost, and what to do.

        Args:
            unseen: Share of the pictures of other people, which nothing was learned from, that are called real.
            step: Number of the training step.

        Returns:
            A sentence; None where all is well, nothing is known yet, or it was said before.
        """
        if self._said or step < self.patience or self._seen is None or self._made is None:
            return None
        apart = self._seen - self._made
        if apart < _APART:
            return None
        self._said = True
        by_heart = self._seen - unseen > _BY_HEART * apart
        shares = (
            f"step {step}: discriminators call {100 * self._seen:.0f} % of training pictures real, "
            f"{100 * unseen:.0f} % of unseen people's and {100 * self._made:.0f} % of the lifter's re-projections: "
        )
        return shares + (_LEARNED_BY_HEART if by_heart else _TOO_STRONG)


_LEARNED_BY_HEART = (
    "they have learned the training pictures by heart and teach the lifter no more. Give them less to learn with "
    "(model.discriminator_width: 64, discriminator_blocks: 1, discriminator_bones: false), noise on what they see "
    "(model.discriminator_noise: 0.05), or train with more people"
)
_TOO_STRONG = (
    "they see a fault that the lifter does not mend, and teach it little else. Give the lifter more freedom "
    "(model.weights.bone_ratios: 10), them less to see it with (model.discriminator_bones: false), or look whether "
    "model.turn suits the cameras"
)


def _later(mean: float | None, value: float) -> float:
    return value if mean is None else _MEMORY * mean + (1 - _MEMORY) * value

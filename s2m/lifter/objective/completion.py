"""What is hidden, told by what is seen: the lifter teaches itself."""

from __future__ import annotations

from torch import Tensor

from s2m.fused import Fused
from s2m.lifter.network import Lifter
from s2m.lifter.normalise import Normalised
from s2m.lifter.objective.augmentation import DetectionNoise
from s2m.lifter.objective.terms import EPSILON, distances


class Completion:
    """``mean_j |s X'_j - X_j| + 2 sum_j c_j |x'_j - x_j| / sum_j c_j``: half a person is lifted as the whole one is.

    X: lifted from all joints of a label, held fixed; X', x': lifted and denoised from the same label of which parts are
    hidden, swapped or far off, brought into the unit of X; x, c: the label and its confidence. Lifter units. A person
    of whom half is seen never goes around the cycle: what the lifter makes up would be told from real poses at a
    glance, whatever the rest is like. The lifter has a network of its own for this, so that one job does not spoil the
    other. Source: this project; self-distillation as in Xie et al., CVPR 2020.

    Args:
        lifter: The network that is trained.
        noise: What hides and disturbs joints.
    """

    def __init__(self, lifter: Lifter, noise: DetectionNoise) -> None:
        self.lifter, self.noise = lifter, noise
        self._distance = Fused(self._distances)

    def __call__(self, target: Normalised, confidence: Tensor, skeleton: Tensor) -> Tensor:
        """The unweighted loss, a scalar.

        Args:
            target: Normalised labels (B).
            confidence: (B, J) of the labels.
            skeleton: (B, J, 3) lifted from the labels, in their unit.
        """
        hidden = self.noise(target)
        said = self.lifter.tell_partial(hidden.joints2d, hidden.visible)
        place = hidden.joints2d, hidden.origin, hidden.scale
        loss: Tensor = self._distance(said, *place, target.joints2d, confidence, skeleton.detach()).mean()
        return loss

    def _distances(
        self,
        said: Tensor,
        joints2d: Tensor,
        origin: Tensor,
        scale: Tensor,
        label: Tensor,
        confidence: Tensor,
        skeleton: Tensor,
    ) -> Tensor:
        """(B,)."""
        denoised, lifted = self.lifter.read(said, joints2d)
        flat = (confidence * distances(origin + scale * denoised - label)).sum(1)
        deep = distances(scale * lifted - skeleton).mean(1)
        return deep + 2 * flat / confidence.sum(1).clamp_min(EPSILON)

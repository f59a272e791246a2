"""Doubt: how far off each joint of a lifted skeleton may be, and whether its front and back are exchanged.

A lifter says one skeleton. A small network beside it, which looks at the same 2D joints and at that skeleton, says how
far from the truth such skeletons were on people whose truth is known (synthetic ones: nobody annotated anything, and
the lifter itself has never seen it).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from s2m import artifact as artifacts
from s2m.artifact import ArtifactError
from s2m.batch import TensorRecord
from s2m.files import sha256
from s2m.lifter.network import Lifter, perceptron
from s2m.lifter.normalise import normalise
from s2m.skeletons import JointSet, get_joint_set
from s2m.spec import SpecError, build

# What is learned is the quantile of |error| with this share of the errors below it ...
SHARE = 0.9
# ... which for normally distributed errors lies at so many standard deviations.
DEVIATIONS = 1.6449
# Where a new head starts: a fifth of a mean bone; and what it can say at the least and the most, in mean bones.
_START, _LEAST, _MOST = 0.2, 1e-3, 20.0


@dataclass(frozen=True, repr=False)
class Doubt(TensorRecord):
    """What is not certain in lifted skeletons.

    Attributes:
        deviation: (B, J, 3) metres, along the axes of the camera's frame: nine in ten errors (root-relative, after the
            best scale of each frame) are smaller than 1.645 of it. Zero for the root, from which errors are measured.
        reversed_logit: (B,) logarithm of the odds that the skeleton's mirrored depth is nearer to the truth.
    """

    deviation: Tensor
    reversed_logit: Tensor

    @property
    def reversed_probability(self) -> Tensor:
        """(B,) in [0, 1]."""
        return self.reversed_logit.sigmoid()


class DoubtHead(nn.Module):
    """From 2D joints, which of them are seen, and the skeleton that a frozen lifter makes of them, to :class:`Doubt`.

    A perceptron of all three, in the lifter's units: logarithms of the 90 % quantile of |error| for each joint and
    axis, in mean bones, and one logit. A frame and its mirror image are both looked at and averaged, as by the lifter.
    Source: quantile regression (Koenker and Bassett 1978), here of the logarithm of errors.

    Args:
        joint_set: Name of the joint set.
        rest_bone_length: Metres, the lifter's; skeletons are divided by it inside.
        width: Neurons per layer.
        blocks: Residual blocks.
    """

    def __init__(self, joint_set: str, rest_bone_length: float, width: int = 128, blocks: int = 2) -> None:
        super().__init__()
        if rest_bone_length <= 0:
            raise ValueError(f"rest_bone_length: expected a length > 0 in metres, found {rest_bone_length}")
        self.joint_set: JointSet = get_joint_set(joint_set)
        self.rest_bone_length = rest_bone_length
        count = len(self.joint_set)
        self.network = perceptron(6 * count, 3 * count + 1, width, blocks)
        self.register_buffer("mirror", torch.tensor(self.joint_set.mirror), persistent=False)
        self.mirror: Tensor
        start = torch.full((count, 3), _START).log()
        self.register_buffer("start", start, persistent=False)
        self.start: Tensor

    def forward(self, joints2d: Tensor, confidence: Tensor, skeletons: Tensor) -> Doubt:
        """Doubt about skeletons.

        Args:
            joints2d: (B, J, 2) any unit, what the lifter saw.
            confidence: (B, J) joints of confidence 0 are ignored.
            skeletons: (B, J, 3) metres, what it made of them, root-relative, in the camera's frame.

        Raises:
            ValueError: When the shapes are not those of the joint set.
        """
        logarithm, logit = self.tell(joints2d, confidence, skeletons)
        quantile = logarithm.exp() * self.rest_bone_length
        root = torch.arange(quantile.shape[1], device=quantile.device) == self.joint_set.root_index
        return Doubt(quantile.masked_fill(root[:, None], 0.0) / DEVIATIONS, logit)

    def tell(self, joints2d: Tensor, confidence: Tensor, skeletons: Tensor) -> tuple[Tensor, Tensor]:
        """What the network says, see :meth:`forward`.

        Args:
            joints2d: (B, J, 2) any unit.
            confidence: (B, J).
            skeletons: (B, J, 3) metres.

        Returns:
            Logarithms (B, J, 3) of the quantile in mean bones, also of the root, where they mean nothing; the logits
            (B,).
        """
        self._check(joints2d, confidence, skeletons)
        seen = normalise(joints2d, confidence, self.joint_set)
        points, visible, lifted = seen.joints2d, seen.visible, skeletons / self.rest_bone_length
        direct = torch.cat([points.flatten(1), visible, lifted.flatten(1)], 1)
        opposite = [_mirrored(points, self.mirror).flatten(1), visible[:, self.mirror]]
        said = self.network(torch.cat([direct, torch.cat([*opposite, _mirrored(lifted, self.mirror).flatten(1)], 1)]))
        ours, theirs = said[:, :-1].unflatten(1, (-1, 3)).chunk(2)
        logarithm = self.start + (ours + theirs[:, self.mirror]) / 2
        low, high = torch.tensor([_LEAST, _MOST]).log().tolist()
        first, second = said[:, -1].chunk(2)
        return logarithm.clamp(low, high), (first + second) / 2

    def _check(self, joints2d: Tensor, confidence: Tensor, skeletons: Tensor) -> None:
        count = len(self.joint_set)
        shapes = tuple(joints2d.shape[1:]), tuple(confidence.shape[1:]), tuple(skeletons.shape[1:])
        if shapes != ((count, 2), (count,), (count, 3)) or not len(joints2d) == len(confidence) == len(skeletons):
            found = ", ".join(str(tuple(value.shape)) for value in (joints2d, confidence, skeletons))
            raise ValueError(
                f"DoubtHead for {self.joint_set.name}: expected joints2d (B, {count}, 2), confidence (B, {count}) and "
                f"skeletons (B, {count}, 3), found {found}"
            )


def _mirrored(points: Tensor, mirror: Tensor) -> Tensor:
    opposite = points[:, mirror]
    return torch.cat([-opposite[..., :1], opposite[..., 1:]], dim=-1)


def load_doubt(path: str | Path, lifter: Lifter, lifter_path: str | Path) -> DoubtHead:
    """The head of a finished ``doubt`` stage on the lifter that it was trained on, frozen.

    Args:
        path: The head's artifact.
        lifter: The lifter, loaded.
        lifter_path: The lifter's file, whose hash the head's artifact names.

    Raises:
        ArtifactError: When the file is no such head, or belongs to another lifter.
    """
    path = Path(path)
    artifact = artifacts.load(path, "doubt", joint_set=lifter.joint_set.name)
    expected, found = artifact.parents.get("lifter"), sha256(Path(lifter_path))
    if expected != found:
        raise ArtifactError(f"{path}: field parents: trained on a lifter with sha256 {expected}, found {found}")
    try:
        head = build(artifact.spec)
    except (SpecError, ValueError) as error:
        raise ArtifactError(f"{path}: field spec: {error}") from error
    if not isinstance(head, DoubtHead):
        raise ArtifactError(f"{path}: field spec: expected a DoubtHead, found {type(head).__name__}")
    artifacts.restore(path, head, artifact)
    return head.eval().requires_grad_(False)

"""Doubt: how far off each joint of a lifted skeleton may be, and whether its front and back are exchanged.

A lifter says one skeleton. A small network beside it, which looks at the same 2D joints and at that skeleton, says how
far from the truth such skeletons were on people whose truth is known (synthetic ones: nobody annotated anything, and
the lifter itself has never seen it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from s2m import artifact as artifacts
from s2m.artifact import ArtifactError
from s2m.batch import Lifted, TensorRecord
from s2m.files import sha256
from s2m.lifter.network import Lifter, perceptron
from s2m.lifter.normalise import normalise, turned_to
from s2m.skeletons import JointSet, get_joint_set
from s2m.spec import SpecError, build

# What is learned is the quantile of |error| with this share of the errors below it ...
SHARE = 0.9
# ... which for normally distributed errors lies at so many standard deviations.
DEVIATIONS = 1.6449
# Where a new head starts: a fifth of a mean bone; and what it can say at the least and the most, in mean bones.
_START, _LEAST, _MOST = 0.2, 1e-3, 20.0
# How far a lifter moves exact joints, lifter units; and what brings such moves to the size of the other numbers.
_STILL, _SHARPER = 0.01, 10.0
# Signs of the mirror image: x and y, seen, the skeleton's three, x and y of the move; then how much was moved in all,
# whether there is a camera, x and y of the direction in which it sees the person.
_MIRRORED = (-1.0, 1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0)
_MIRRORED_WHOLE = (1.0, 1.0, -1.0, 1.0)
_WHOLE = len(_MIRRORED_WHOLE)


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
    """From 2D joints, which of them are seen, and what a frozen lifter makes of them, to :class:`Doubt`.

    A perceptron of all these in the lifter's units, of how far the lifter moved the 2D joints (each, and all together:
    what noise looks like), and of where the camera, if it is known, sees the person: logarithms of the 90 % quantile of
    |error| for each joint and axis, in mean bones, and one logit. A frame and its mirror image are both looked at and
    averaged, as by the lifter.
    Source: quantile regression (Koenker and Bassett 1978), here of the logarithm of errors.

    Args:
        joint_set: Name of the joint set.
        rest_bone_length: Metres, the lifter's; skeletons are divided by it inside.
        width: Neurons per layer.
        blocks: Residual blocks.
    """

    def __init__(self, joint_set: str, rest_bone_length: float, width: int = 256, blocks: int = 2) -> None:
        super().__init__()
        if rest_bone_length <= 0:
            raise ValueError(f"rest_bone_length: expected a length > 0 in metres, found {rest_bone_length}")
        self.joint_set: JointSet = get_joint_set(joint_set)
        self.rest_bone_length = rest_bone_length
        count = len(self.joint_set)
        self.network = perceptron(8 * count + _WHOLE, 3 * count + 1, width, blocks)
        self.register_buffer("mirror", torch.tensor(self.joint_set.mirror), persistent=False)
        self.mirror: Tensor

    def forward(self, joints2d: Tensor, confidence: Tensor, lifted: Lifted, camera: Tensor | None = None) -> Doubt:
        """Doubt about skeletons.

        Args:
            joints2d: (B, J, 2) any unit, what the lifter saw.
            confidence: (B, J) joints of confidence 0 are ignored.
            lifted: What it made of them, each frame on its own.
            camera: (B, 4) what the lifter knew of the camera, see :meth:`s2m.lifter.network.Lifter.forward`.

        Raises:
            ValueError: When the shapes are not those of the joint set.
        """
        logarithm, logit = self.tell(joints2d, confidence, lifted, camera)
        quantile = logarithm.exp() * self.rest_bone_length
        root = torch.arange(quantile.shape[1], device=quantile.device) == self.joint_set.root_index
        return Doubt(quantile.masked_fill(root[:, None], 0.0) / DEVIATIONS, logit)

    def tell(
        self, joints2d: Tensor, confidence: Tensor, lifted: Lifted, camera: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the network says, see :meth:`forward`.

        Args:
            joints2d: (B, J, 2) any unit.
            confidence: (B, J).
            lifted: The lifter's answer.
            camera: (B, 4).

        Returns:
            Logarithms (B, J, 3) of the quantile in mean bones, also of the root, where they mean nothing; the logits
            (B,).
        """
        self._check(joints2d, confidence, lifted.joints3d)
        by_joint, whole = self._features(joints2d, confidence, lifted, camera)
        opposite = by_joint[:, self.mirror] * by_joint.new_tensor(_MIRRORED), whole * whole.new_tensor(_MIRRORED_WHOLE)
        pairs = (by_joint, whole), opposite
        said = self.network(torch.cat([torch.cat([joints.flatten(1), rest], 1) for joints, rest in pairs]))
        ours, theirs = said[:, :-1].unflatten(1, (-1, 3)).chunk(2)
        logarithm = math.log(_START) + (ours + theirs[:, self.mirror]) / 2
        first, second = said[:, -1].chunk(2)
        return logarithm.clamp(math.log(_LEAST), math.log(_MOST)), (first + second) / 2

    def _features(
        self, joints2d: Tensor, confidence: Tensor, lifted: Lifted, camera: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(B, J, 8) of the joints and (B, 4) of all together."""
        seen = normalise(joints2d, confidence, self.joint_set)
        visible = seen.visible[..., None]
        denoised = (lifted.joints2d - seen.origin) / seen.scale
        moved = (denoised - seen.joints2d) * visible
        rough = (moved.square().sum((1, 2)) / visible.sum((1, 2)).clamp_min(1) + _STILL**2).log() / 2 - math.log(_STILL)
        towards = joints2d.new_zeros(len(joints2d), 3)
        if camera is not None:
            sideways = turned_to(joints2d, confidence, camera, self.joint_set).turn[:, 2, :2]
            towards = torch.cat([torch.ones_like(sideways[:, :1]), sideways], 1)
        by_joint = [seen.joints2d, visible, lifted.joints3d / self.rest_bone_length, _SHARPER * moved]
        return torch.cat(by_joint, -1), torch.cat([rough[:, None], towards], 1)

    def _check(self, joints2d: Tensor, confidence: Tensor, skeletons: Tensor) -> None:
        count = len(self.joint_set)
        shapes = tuple(joints2d.shape[1:]), tuple(confidence.shape[1:]), tuple(skeletons.shape[1:])
        if shapes != ((count, 2), (count,), (count, 3)) or not len(joints2d) == len(confidence) == len(skeletons):
            found = ", ".join(str(tuple(value.shape)) for value in (joints2d, confidence, skeletons))
            raise ValueError(
                f"DoubtHead for {self.joint_set.name}: expected joints2d (B, {count}, 2), confidence (B, {count}) and "
                f"skeletons (B, {count}, 3), found {found}"
            )


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

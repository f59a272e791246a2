"""Lifted video: a head that looks at neighbouring frames, on top of a frozen lifter.

A frame-wise lifter makes a new mistake in every frame. The head takes what the lifter says of the frames around, and
the 2D joints themselves, and corrects the middle one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from s2m import artifact as artifacts
from s2m.artifact import ArtifactError, sha256
from s2m.batch import Lifted
from s2m.body import Body
from s2m.lifter.network import Lifter, perceptron
from s2m.lifter.normalise import normalise
from s2m.skeletons import JointSet, get_joint_set
from s2m.spec import SpecError, build


class TemporalHead(nn.Module):
    """Correct the skeletons of a video from the ``radius`` frames before and after each.

    joint_set: name. rest_bone_length: metres, the lifter's; skeletons are divided by it inside. radius: in frames; at
    the ends of a video the first and last frame stand for those that are not there. width, blocks: of the network.
    """

    def __init__(
        self, joint_set: str, rest_bone_length: float, radius: int = 6, width: int = 256, blocks: int = 2
    ) -> None:
        super().__init__()
        if radius < 1:
            raise ValueError(f"radius: expected at least 1 frame, found {radius}")
        if rest_bone_length <= 0:
            raise ValueError(f"rest_bone_length: expected a length > 0 in metres, found {rest_bone_length}")
        self.joint_set: JointSet = get_joint_set(joint_set)
        self.rest_bone_length, self.radius = rest_bone_length, radius
        count = len(self.joint_set)
        # A smoothing filter per joint, common to all people, and a network for what it cannot know.
        self.filter = nn.Parameter(torch.zeros(2 * radius + 1, count))
        self.network = perceptron((2 * radius + 1) * 6 * count, 3 * count, width, blocks)
        with torch.no_grad():
            self.filter[radius] = 3.0

    def forward(self, skeletons: Tensor, joints2d: Tensor, visible: Tensor) -> Tensor:
        """Corrected skeletons (S, T, J, 3) in metres, root-relative, of S videos of T frames.

        skeletons: (S, T, J, 3), the lifter's. joints2d: (S, T, J, 2) normalised, zero where missing; visible: (S, T, J)
        in {0, 1}; see :mod:`s2m.lifter.normalise`.
        """
        count = len(self.joint_set)
        if skeletons.dim() != 4 or skeletons.shape[2:] != (count, 3) or joints2d.shape[:3] != skeletons.shape[:3]:
            raise ValueError(
                f"TemporalHead for {self.joint_set.name}: expected skeletons (S, T, {count}, 3) and joints2d "
                f"(S, T, {count}, 2), found {tuple(skeletons.shape)} and {tuple(joints2d.shape)}"
            )
        relative = skeletons / self.rest_bone_length
        features = torch.cat([relative, joints2d, visible[..., None]], dim=-1)
        videos, frames = skeletons.shape[:2]
        around = neighbours(frames, self.radius, skeletons.device)
        smooth = torch.einsum("stkjc,kj->stjc", relative[:, around], self.filter.softmax(0))
        correction = self.network(features[:, around].reshape(videos * frames, -1))
        corrected = smooth + correction.view(videos, frames, count, 3)
        root = self.joint_set.root_index
        result: Tensor = (corrected - corrected[:, :, root : root + 1]) * self.rest_bone_length
        return result


def neighbours(frames: int, radius: int, device: torch.device | None = None) -> Tensor:
    """(T, 2 radius + 1) frame numbers around each of T frames; those beyond the ends are the first or last frame."""
    middle = torch.arange(frames, device=device)[:, None]
    return (middle + torch.arange(-radius, radius + 1, device=device)).clamp(0, frames - 1)


class TemporalLifter(nn.Module):
    """A frozen lifter and a temporal head: 2D joints of videos to skeletons."""

    def __init__(self, lifter: Lifter, head: TemporalHead) -> None:
        super().__init__()
        if lifter.joint_set.name != head.joint_set.name:
            raise ValueError(f"joint sets differ: lifter {lifter.joint_set.name}, head {head.joint_set.name}")
        self.lifter, self.head = lifter, head

    def forward(self, joints2d: Tensor, confidence: Tensor, lengths: Sequence[int] | None = None) -> Lifted:
        """Lift the frames (N, J, 2), (N, J) of one video, or of several one after the other with ``lengths`` frames.

        The 2D output is the frame-wise lifter's. Raises ValueError when the lengths do not add up to N.
        """
        parts = [len(joints2d)] if lengths is None else list(lengths)
        if sum(parts) != len(joints2d):
            raise ValueError(f"lengths: expected {len(joints2d)} frames in all, found {sum(parts)}")
        lifted: Lifted = self.lifter(joints2d, confidence)
        seen = normalise(joints2d, confidence, self.lifter.joint_set)
        videos = zip(*(value.split(parts) for value in (lifted.joints3d, seen.joints2d, seen.visible)), strict=True)
        refined = [self.head(s[None], x[None], v[None])[0] for s, x, v in videos if len(s)]
        return Lifted(torch.cat(refined) if refined else lifted.joints3d, lifted.joints2d)


def load_temporal(path: str | Path, lifter: Lifter, lifter_path: str | Path, body: Body) -> TemporalLifter:
    """The temporal head of a finished ``temporal`` stage on the lifter that it was trained on, frozen.

    Raises ArtifactError for another lifter.
    """
    path = Path(path)
    artifact = artifacts.load(path, "temporal", joint_set=lifter.joint_set.name, body=body.hash)
    expected, found = artifact.parents.get("lifter"), sha256(Path(lifter_path))
    if expected != found:
        raise ArtifactError(f"{path}: field parents: trained on a lifter with sha256 {expected}, found {found}")
    try:
        head = build(artifact.spec)
    except SpecError as error:
        raise ArtifactError(f"{path}: field spec: {error}") from error
    artifacts.restore(path, head, artifact)
    return TemporalLifter(lifter, head).eval().requires_grad_(False)

"""Lifted video: a head that looks at neighbouring frames, on top of a frozen lifter.

A frame-wise lifter makes a new mistake in every frame. The head smooths what it says of the frames around.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from s2m import artifact as artifacts
from s2m.artifact import ArtifactError
from s2m.batch import Lifted
from s2m.files import sha256
from s2m.lifter.committee import AnyLifter
from s2m.lifter.lineage import lineage
from s2m.lifter.network import Lifter, perceptron
from s2m.skeletons import JointSet, get_joint_set
from s2m.spec import SpecError, build

_FEATURES = 6
_PASSES = 2
# Mean bone lengths, a quarter of a millimetre: what moves less stands still.
_STILL = 1e-3


class TemporalHead(nn.Module):
    """Smooth the skeletons of a video: each joint becomes a mean of what the lifter said of it in the frames around.

    ``m_j = sum_k w_kj x_kj / sum_k w_kj`` over the ``2 radius + 1`` frames x_k, with
    ``w_kj = exp(a_kj + b_j v_kj + g_k(f_j)) / (1 + |x_kj - m_j|^2 / t_j^2)``: a kernel a; b for frames that show the
    joint (v); what a small network g makes of how rough and how wide the path is there (f); and Cauchy's weights
    against outliers, iterated twice (reweighted least squares, Holland and Welsch 1977). A mean cannot invent a pose,
    and g sees neither place nor direction, so little can be learned of how the people of the training recordings move.
    Source: this project.

    Args:
        joint_set: Name of the joint set.
        rest_bone_length: Metres, the lifter's; skeletons are divided by it inside.
        radius: In frames; at the ends of a video the first and last frame stand for those that are not there.
        width: Of the small network g.
        fps: Highest number of frames per second of the videos that it is trained on.
        slowest: Lowest number of frames per second of these videos.
    """

    def __init__(
        self,
        joint_set: str,
        rest_bone_length: float,
        radius: int = 6,
        width: int = 32,
        fps: float = 30.0,
        slowest: float = 15.0,
    ) -> None:
        super().__init__()
        if radius < 1:
            raise ValueError(f"radius: expected at least 1 frame, found {radius}")
        if rest_bone_length <= 0:
            raise ValueError(f"rest_bone_length: expected a length > 0 in metres, found {rest_bone_length}")
        if not 0 < slowest <= fps:
            raise ValueError(f"slowest, fps: expected 0 < slowest <= fps, found {slowest}, {fps}")
        self.joint_set: JointSet = get_joint_set(joint_set)
        self.rest_bone_length, self.radius, self.rates = rest_bone_length, radius, (slowest, fps)
        count, frames = len(self.joint_set), 2 * radius + 1
        self.kernel = nn.Parameter(torch.zeros(frames, count))
        self.confidence, self.tolerance = nn.Parameter(torch.ones(count)), nn.Parameter(torch.zeros(count))
        self.network = perceptron(_FEATURES, frames, width, 1)
        with torch.no_grad():
            self.kernel[radius] = 3.0

    def forward(self, skeletons: Tensor, visible: Tensor, fps: float | None = None) -> Tensor:
        """Smoothed skeletons (S, T, J, 3) in metres, root-relative, of S videos of T frames.

        Args:
            skeletons: (S, T, J, 3), the lifter's.
            visible: (S, T, J) in {0, 1}.
            fps: Frames per second, for videos that are faster or slower than those of the training: the head then sees
                the frames nearest to the moments that it knows.
        """
        count = len(self.joint_set)
        if skeletons.dim() != 4 or skeletons.shape[2:] != (count, 3) or visible.shape != skeletons.shape[:3]:
            raise ValueError(
                f"TemporalHead for {self.joint_set.name}: expected skeletons (S, T, {count}, 3) and visible "
                f"(S, T, {count}), found {tuple(skeletons.shape)} and {tuple(visible.shape)}"
            )
        around = neighbours(skeletons.shape[1], self._offsets(fps)).to(skeletons.device)
        near, seen = skeletons[:, around] / self.rest_bone_length, visible[:, around]
        told = self.network(_features(near, seen)).movedim(-1, 2)
        logits = self.kernel + self.confidence * seen + told
        smooth = _mean(near, logits)
        for _ in range(_PASSES):
            away = (near - smooth[:, :, None]).square().sum(-1) / (2 * self.tolerance).exp()
            smooth = _mean(near, logits - torch.log1p(away))
        return smooth * self.rest_bone_length

    def reach(self, fps: float | None = None) -> int:
        """How many frames before and after play a part in one.

        Args:
            fps: Frames per second of the videos; those of the training if not given.
        """
        return int(self._offsets(fps).max())

    def _offsets(self, fps: float | None) -> Tensor:
        slowest, fastest = self.rates
        spacing = 1.0 if fps is None else max(fps / fastest, min(1.0, fps / slowest))
        return (torch.arange(-self.radius, self.radius + 1) * spacing).round().long()


def _mean(near: Tensor, logits: Tensor) -> Tensor:
    """(S, T, J, 3): of frames (S, T, K, J, 3) with the logarithms (S, T, K, J) of their weights."""
    mean: Tensor = (logits.softmax(2)[..., None] * near).sum(2)
    return mean


def _features(near: Tensor, seen: Tensor) -> Tensor:
    """(S, T, J, F) of paths (S, T, K, J, 3) of joints, in mean bone lengths: nothing of where or what they are.

    Logarithms of how rough (second difference) and how wide (distance from the mean) the path of the joint is, and
    those of all joints; how often the joint is seen, and all are.
    """
    second = near[:, :, 2:] - 2 * near[:, :, 1:-1] + near[:, :, :-2]
    rough, wide = (_log_rms(path) for path in (second, near - near.mean(2, keepdim=True)))
    own = torch.stack([rough, wide, seen.mean(2)], -1)
    return torch.cat([own, own.mean(2, keepdim=True).expand_as(own)], -1)


def _log_rms(path: Tensor) -> Tensor:
    """(S, T, J) of (S, T, K, J, 3)."""
    return (path.square().sum(-1).mean(2) + _STILL**2).log() / 2


def neighbours(frames: int, offsets: Tensor) -> Tensor:
    """Numbers of the frames around each frame.

    Args:
        frames: T, the length of the video.
        offsets: (N,) in frames, negative before.

    Returns:
        (T, N); beyond the ends it is the first or last frame.
    """
    return (torch.arange(frames)[:, None] + offsets).clamp(0, frames - 1)


class TemporalLifter(nn.Module):
    """A frozen lifter and a temporal head: 2D joints of videos to skeletons.

    Args:
        lifter: Frozen.
        head: Trained on this lifter's skeletons.
    """

    def __init__(self, lifter: AnyLifter, head: TemporalHead) -> None:
        super().__init__()
        if lifter.joint_set.name != head.joint_set.name:
            raise ValueError(f"joint sets differ: lifter {lifter.joint_set.name}, head {head.joint_set.name}")
        self.lifter, self.head = lifter, head

    def forward(
        self,
        joints2d: Tensor,
        confidence: Tensor,
        lengths: Sequence[int] | None = None,
        fps: float | None = None,
        camera: Tensor | None = None,
    ) -> Lifted:
        """Lift the frames of one video, or of several one after the other.

        The 2D output is the lifter's, frame by frame.

        Args:
            joints2d: (N, J, 2) crop units.
            confidence: (N, J) in [0, 1].
            lengths: Frames of each video; one video if not given.
            fps: See :meth:`TemporalHead.forward`.
            camera: See :meth:`s2m.lifter.Lifter.forward`.

        Raises:
            ValueError: When the lengths do not add up to N.
        """
        parts = [len(joints2d)] if lengths is None else list(lengths)
        if sum(parts) != len(joints2d):
            raise ValueError(f"lengths: expected {len(joints2d)} frames in all, found {sum(parts)}")
        lifted: Lifted = self.lifter(joints2d, confidence, camera)
        videos = zip(lifted.joints3d.split(parts), (confidence > 0).to(confidence.dtype).split(parts), strict=True)
        refined = [self.head(skeletons[None], seen[None], fps)[0] for skeletons, seen in videos if len(skeletons)]
        return Lifted(torch.cat(refined) if refined else lifted.joints3d, lifted.joints2d)


def load_temporal(path: str | Path, lifter: Lifter, lifter_path: str | Path) -> TemporalLifter:
    """The temporal head of a finished ``temporal`` stage, frozen, on the lifter that it was trained on or on one that
    went on learning from there.

    Args:
        path: The head's artifact.
        lifter: The lifter, loaded.
        lifter_path: The lifter's file, whose hash the head's artifact names.

    Raises:
        ArtifactError: When the file is no temporal head, or belongs to another lifter.
    """
    path = Path(path)
    artifact = artifacts.load(path, "temporal", joint_set=lifter.joint_set.name)
    expected, found = artifact.parents.get("lifter"), sha256(Path(lifter_path))
    if expected != found and expected not in lineage(lifter_path):
        raise ArtifactError(f"{path}: field parents: trained on a lifter with sha256 {expected}, found {found}")
    try:
        head = build(artifact.spec)
    except (SpecError, ValueError) as error:
        raise ArtifactError(f"{path}: field spec: {error}") from error
    if not isinstance(head, TemporalHead):
        raise ArtifactError(f"{path}: field spec: expected a TemporalHead, found {type(head).__name__}")
    artifacts.restore(path, head, artifact)
    return TemporalLifter(lifter, head).eval().requires_grad_(False)

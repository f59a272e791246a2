"""The proportions of one person, told by how well the lifter gets along with them.

Nobody measures anything: of all proportions those are taken with which the lifter contradicts itself least. A skeleton
is turned, seen from there and lifted again, as in training (Chen et al., CVPR 2019): of somebody with the bones that
the lifter expects it says the same as before. Where a head tells how far off the lifter may be
(:mod:`s2m.lifter.doubt`), it is asked as well.
"""

from __future__ import annotations

import copy
import math
from itertools import chain
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from s2m.descent import descend
from s2m.formats.clips import FrameSource
from s2m.formats.keypoints2d import Keypoints
from s2m.geometry.procrustes import scale_align
from s2m.lifter.committee import AnyLifter
from s2m.lifter.doubt import DoubtHead
from s2m.lifter.keypoints import on_joint_set
from s2m.lifter.proportions import BONES, Proportions, completed
from s2m.skeletons import H36M17, JointSet

SAMPLE = 32  # frames of a clip that are asked
FEWEST = 8  # fewer frames tell the pose of the moment rather than proportions
_SEEN = 12  # of the 17 shared joints that a frame has to show
# The criterion: logarithms of the lifter's contradiction (mean distance of joints) and, with this weight, of what the
# head says; and a prior of so much spread, in logarithms of ratios. Chosen on CMU's motions (docs/lifter.md).
_DOUBT, _SPREAD = 1.0, 0.085
_STEPS, _RATE, _LAST_RATE = 12, 0.03, 0.006
# Whoever is turned is seen from these sides, by cameras at these elevations in turn, from so many metres.
_SIDES, _ELEVATIONS, _DISTANCE = 6, (0.0, 0.17, 0.35), 6.0
# How far the trunk may lean towards and away from the camera for that to be the camera's doing; radians.
_LEAST, _MOST = -0.35, 0.9
_UPRIGHT = 0.5  # cosine: of who lies, the trunk tells nothing of the camera
_SMALLEST = 1e-3  # metres: what is smaller is no error

Module = TypeVar("Module", bound=torch.nn.Module)


def tell_proportions(
    lifter: AnyLifter, doubt: DoubtHead | None, joints2d: Tensor, confidence: Tensor, camera: Tensor | None = None
) -> Proportions | None:
    """Proportions of the person whom some frames show.

    Args:
        lifter: Whose proportions they are beside.
        doubt: Its head, or ``None``.
        joints2d: (B, J, 2) any unit.
        confidence: (B, J); above 0: seen.
        camera: (B, 4) in the same unit, see :meth:`s2m.lifter.network.Lifter.forward`.

    Returns:
        The proportions; ``None`` where fewer than eight frames show most of the body.
    """
    shared = lifter.joint_set.indices(H36M17.joints)
    shown = (confidence[:, shared] > 0).sum(1) >= _SEEN
    if int(shown.sum()) < FEWEST:
        return None
    with torch.inference_mode(False), torch.enable_grad():
        lifter, doubt = _usable(lifter), None if doubt is None else _usable(doubt)
        frames = (joints2d[shown].clone(), confidence[shown].clone(), None if camera is None else camera[shown].clone())
        return _Criterion(lifter, doubt, *frames).least()


def sampled(source: FrameSource, given: JointSet, wanted: JointSet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """2D joints of frames all over a clip.

    Args:
        source: The clip.
        given: Its joint set.
        wanted: That of the lifter.

    Returns:
        (B, J, 2) and confidences (B, J), of up to 32 frames.
    """
    rows = np.unique(np.linspace(0, len(source) - 1, min(len(source), SAMPLE)).astype(np.int64))
    parts = [source.read(int(row), int(row) + 1) for row in rows]
    points, confidence = (np.concatenate(column) for column in zip(*parts, strict=True))
    taken = on_joint_set(Keypoints(points, confidence, given), wanted)
    return taken.points, taken.confidence


class _Criterion:
    """How much is to be said against proportions, and those of which least is."""

    def __init__(
        self, lifter: AnyLifter, doubt: DoubtHead | None, joints2d: Tensor, confidence: Tensor, camera: Tensor | None
    ) -> None:
        self._lifter, self._doubt, self._camera = lifter, doubt, camera
        joints = lifter.joint_set
        self._others = joints.indices([joint for joint in H36M17.joints if joint != H36M17.joints[H36M17.root_index]])
        self._hips, self._thorax = joints.indices(["left_hip", "right_hip"]), joints.index("thorax")
        with torch.no_grad():
            self._joints2d = completed(lifter, joints2d, confidence, camera)
        self._confidence = confidence

    def least(self) -> Proportions:
        """The proportions of which least is to be said against."""
        logarithms = torch.zeros(len(BONES), device=self._joints2d.device, requires_grad=True)
        told = Proportions(self._lifter.joint_set, logarithms)
        descend(lambda: self._against(told), [logarithms], _STEPS, _RATE, _LAST_RATE)
        return Proportions(self._lifter.joint_set, logarithms.detach())

    def _against(self, proportions: Proportions) -> Tensor:
        seen = proportions.expected(self._joints2d)
        lifted = self._lifter(seen, self._confidence, self._camera)
        against = self._contradiction(lifted.joints3d) + proportions.logarithms.square().mean() / (2 * _SPREAD**2)
        if self._doubt is None:
            return against
        deviation = self._doubt(seen, self._confidence, lifted, self._camera).deviation[:, self._others]
        sure = (self._confidence[:, self._others] > 0).to(deviation.dtype)
        doubts = (deviation + _SMALLEST).log().mean(2)
        return against + _DOUBT * (doubts * sure).sum() / sure.sum()

    def _contradiction(self, skeletons: Tensor) -> Tensor:
        """Mean logarithm of the distance between what was turned and what is lifted of that."""
        turns = skeletons.new_tensor(np.stack(_turns(self._pitch(skeletons.detach()))))
        turned = torch.einsum("kij,bnj->kbni", turns, skeletons).flatten(0, 1)
        seen = turned[..., :2] / (turned[..., 2:] + _DISTANCE)
        again = self._lifter(seen, torch.ones_like(seen[..., 0])).joints3d[:, self._others]
        turned = turned[:, self._others]
        apart = (scale_align(again, turned) - turned).norm(dim=-1).mean(1)
        return (apart + _SMALLEST).log().mean()

    def _pitch(self, skeletons: Tensor) -> float:
        """By how much the camera looks down if people stand upright on average; radians."""
        trunk = (skeletons[:, self._thorax] - skeletons[:, self._hips].mean(1)).mean(0)
        _, down, away = trunk.tolist()
        if -down < _UPRIGHT * float(trunk.norm()):
            return 0.0
        return min(max(math.atan2(-away, -down), _LEAST), _MOST)


def _turns(pitch: float) -> list[NDArray[np.float64]]:
    """From a camera that looks down by ``pitch`` to cameras all around."""
    upright = Rotation.from_euler("x", -pitch)
    found = []
    for number in range(_SIDES):
        yaw = Rotation.from_euler("y", 2 * math.pi * (number + 1) / (_SIDES + 1))
        looks_down = Rotation.from_euler("x", _ELEVATIONS[number % len(_ELEVATIONS)])
        found.append((looks_down * yaw * upright).as_matrix())
    return found


def _usable(module: Module) -> Module:
    """The module, or a copy of one that was made where gradients are out of the question."""
    made = chain(module.parameters(), module.buffers())
    return copy.deepcopy(module) if any(tensor.is_inference() for tensor in made) else module

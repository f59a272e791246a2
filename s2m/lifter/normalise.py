"""Where the lifter's 2D joints are measured from, and in what unit.

A crop says nothing certain about position or size, so every sample is moved to its own origin and divided by its own
mean joint distance. The unit of everything inside the lifter, 2D and 3D, is therefore "mean distance of the visible
2D joints from the origin" (about 0.4 m for a standing adult).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from s2m.batch import Observation, TensorRecord
from s2m.geometry.virtual_camera import VirtualCamera
from s2m.skeletons import JointSet

# A sample without extent (one visible joint, or none) stays finite.
SMALLEST = 1e-6


@dataclass(frozen=True, repr=False)
class Normalised(TensorRecord):
    """2D joints in the lifter's units, and the way back.

    Attributes:
        joints2d: (B, J, 2), +y down; exactly zero where a joint is missing.
        visible: (B, J) in {0, 1}.
        origin: (B, 1, 2) in the units of the input: ``input = origin + scale * joints2d``.
        scale: (B, 1, 1), in the units of the input.
        anchor: (B, J) each joint's share in the origin; its rows sum to 1 (to 0 where no joint is visible).
    """

    joints2d: Tensor
    visible: Tensor
    origin: Tensor
    scale: Tensor
    anchor: Tensor


def like(points: Tensor, visible: Tensor, anchor: Tensor) -> Tensor:
    """Other points of the same people, normalised by the same visible joints (see :class:`Normalised`).

    Args:
        points: (B, J, 2) finite, any unit.
        visible: (B, J) in {0, 1}.
        anchor: (B, J) each joint's share in the origin.

    Returns:
        (B, J, 2).
    """
    joints2d, _, _ = _normalised(points, visible, anchor)
    return joints2d


def normalise(joints2d: Tensor, confidence: Tensor, joint_set: JointSet) -> Normalised:
    """Move joints to their origin and give them a mean distance of 1.

    The origin is the root joint; where that is missing, the middle of the visible hips; without them, the centroid of
    all visible joints. Missing joints have no influence, not even through a NaN.

    Args:
        joints2d: (B, J, 2) any unit, +y down.
        confidence: (B, J); a joint counts as visible where it is positive, and its size is not used, since detectors
            calibrate it differently.
        joint_set: Names and order of the joints.
    """
    seen = confidence > 0
    visible = seen.to(joints2d.dtype)
    points = joints2d.masked_fill(~seen[..., None], 0.0)
    anchor = _anchor(visible, joint_set)
    normalised, origin, scale = _normalised(points, visible, anchor)
    return Normalised(normalised, visible, origin, scale, anchor)


def turned_to(joints2d: Tensor, confidence: Tensor, camera: Tensor, joint_set: JointSet) -> VirtualCamera:
    """A camera turned to the origin that :func:`normalise` takes.

    Args:
        joints2d: (B, J, 2) any unit, +y down.
        confidence: (B, J); a joint counts as visible where it is positive.
        camera: (B, 4) focal lengths x, y and principal point x, y, in the unit of the joints.
        joint_set: Names and order of the joints.
    """
    return VirtualCamera.towards(normalise(joints2d, confidence, joint_set).origin[:, 0], camera)


def straight_ahead(observation: Observation, joint_set: JointSet) -> Observation:
    """Where cameras are known: the same people as cameras turned to them would see them.

    Args:
        observation: Frames (B).
        joint_set: Names and order of the joints.

    Returns:
        The frames without a camera.
    """
    if observation.camera is None:
        return observation
    turned = turned_to(observation.joints2d, observation.confidence, observation.camera, joint_set)
    return replace(observation, joints2d=turned.seen(observation.joints2d), camera=None)


def mean_distance(centred: Tensor, visible: Tensor) -> Tensor:
    """Mean distance from the origin over visible joints.

    Args:
        centred: (B, J, 2).
        visible: (B, J) in {0, 1}.

    Returns:
        (B, 1, 1), never zero.
    """
    distance = torch.linalg.vector_norm(centred, dim=-1) * visible
    mean = distance.sum(1) / visible.sum(1).clamp_min(1)
    return mean.clamp_min(SMALLEST)[:, None, None]


def _normalised(points: Tensor, visible: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    origin = (points * anchor[..., None]).sum(1, keepdim=True)
    centred = (points - origin) * visible[..., None]
    scale = mean_distance(centred, visible)
    return centred / scale, origin, scale


def _anchor(visible: Tensor, joint_set: JointSet) -> Tensor:
    number = torch.arange(len(joint_set), device=visible.device)
    weight = visible
    # The later, the better; a group of joints is passed over when none of them is visible.
    for group in (("left_hip", "right_hip"), (joint_set.root,)):
        member = [number == joint_set.index(joint) for joint in group if joint in joint_set]
        if member:
            share = visible * torch.stack(member).any(0)
            weight = torch.where(share.sum(1, keepdim=True) > 0, share, weight)
    return weight / weight.sum(1, keepdim=True).clamp_min(1)

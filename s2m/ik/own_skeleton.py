"""The rest skeleton of a clip of SMPL's own joints, whoever's body they are of.

HumanML3D's, MDM's and AMASS's joints are those of SMPL's body, whose rest pose differs from the open body's: its hips
are closer together and its legs a little spread, its knees not quite straight. Read against another rest skeleton, a
straight leg looks bent, and the thigh turns by half a radian. A clip tells most of its own skeleton: how long its bones
are, and how the joints that hang from one part (pelvis, chest) lie to each other. Which way a single bone points at
rest no clip tells; it is taken from the known skeleton that the clip's proportions are nearest to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.ik.rest import RestSkeleton
from s2m.skeletons import SMPL22, SMPL24, JointSet, is_smpl

Floats = NDArray[np.float64]

# SMPL's mean body: offsets of its joints from their parents at rest, metres, body frame. As ProtoMotions' MuJoCo model
# has them (Apache-2.0: github.com/NVlabs/ProtoMotions, data/assets/mjcf/smpl_humanoid.xml; its x, y, z are z, x, y).
_SMPL_OFFSETS: dict[str, tuple[float, float, float]] = {
    "left_hip": (0.0695, -0.0914, -0.0068),
    "left_knee": (0.0343, -0.3752, -0.0045),
    "left_ankle": (-0.0136, -0.398, -0.0437),
    "left_foot": (0.0264, -0.0558, 0.1193),
    "right_hip": (-0.0677, -0.0905, -0.0043),
    "right_knee": (-0.0383, -0.3826, -0.0089),
    "right_ankle": (0.0158, -0.3984, -0.0423),
    "right_foot": (-0.0254, -0.0481, 0.1233),
    "spine1": (-0.0025, 0.109, -0.0267),
    "spine2": (0.0055, 0.1352, 0.0011),
    "spine3": (0.0015, 0.0529, 0.0254),
    "neck": (-0.0028, 0.2139, -0.0429),
    "head": (0.0052, 0.065, 0.0513),
    "left_collar": (0.0788, 0.1217, -0.0341),
    "left_shoulder": (0.091, 0.0305, -0.0089),
    "left_elbow": (0.2596, -0.0128, -0.0275),
    "left_wrist": (0.2492, 0.009, -0.0012),
    "left_hand": (0.084, -0.0082, -0.0149),
    "right_collar": (-0.0818, 0.1188, -0.0386),
    "right_shoulder": (-0.096, 0.0326, -0.0091),
    "right_elbow": (-0.2537, -0.0133, -0.0214),
    "right_wrist": (-0.2553, 0.0078, -0.0056),
    "right_hand": (-0.0846, -0.0061, -0.0103),
}
# Parts from which several bones go out that keep their angles: they are known up to where they point together.
_HUBS = {"pelvis": ("left_hip", "right_hip", "spine1"), "spine3": ("neck", "left_collar", "right_collar")}
BODY_JOINTS = frozenset(SMPL22.joints)  # without which bones are missing
_NEAR = 0.03  # mean of the logarithms of bone lengths: what counts as the open body's own skeleton


@dataclass(frozen=True)
class OwnSkeleton:
    """The rest skeleton of a clip.

    Attributes:
        rest: The skeleton; its pelvis is where the body's is.
        name: Whose rest pose its bones have.
    """

    rest: RestSkeleton
    name: str


def own_skeleton(points: Tensor, joint_set: JointSet, rest: RestSkeleton) -> OwnSkeleton | None:
    """The rest skeleton that a clip tells.

    Args:
        points: (T, J, 3) metres, any frame; NaN where missing.
        joint_set: Names of the joints.
        rest: The body's rest skeleton for this set.

    Returns:
        The clip's; ``None`` where the joints are not SMPL's own, or are those of the body.
    """
    if not is_smpl(joint_set) or not set(joint_set.joints) >= BODY_JOINTS:
        return None
    clip = points.double().numpy()
    known = {"the open body's": _offsets(rest.body_joints.double().numpy()), "SMPL's": _smpl()}
    lengths = _lengths(clip, joint_set)
    off = {name: _distance(offsets, lengths) for name, offsets in known.items()}
    name = min(off, key=lambda which: off[which])
    if not np.isfinite(off[name]) or (name == "the open body's" and off[name] < _NEAR):
        return None
    offsets = _calibrated(known[name], lengths, clip, joint_set)
    pelvis = rest.body_joints[SMPL24.root_index].double().numpy()
    own = torch.from_numpy(_joints(offsets, pelvis)).to(rest.body_joints)
    joints = rest.joints.clone()
    for joint in SMPL24.joints:
        if joint in joint_set:
            joints[joint_set.index(joint)] = own[SMPL24.index(joint)]
    return OwnSkeleton(RestSkeleton(joint_set, joints, own, rest.carriers), name)


def _smpl() -> Floats:
    return np.array([(0.0, 0.0, 0.0), *(_SMPL_OFFSETS[joint] for joint in SMPL24.joints[1:])])


def _offsets(joints: Floats) -> Floats:
    parents = [max(parent, 0) for parent in SMPL24.parents]
    return joints - joints[parents]


def _joints(offsets: Floats, pelvis: Floats) -> Floats:
    joints = offsets.copy()
    joints[SMPL24.root_index] = pelvis
    for joint, parent in enumerate(SMPL24.parents):
        if parent >= 0:
            joints[joint] += joints[parent]
    return joints


def _lengths(clip: Floats, joint_set: JointSet) -> Floats:
    """(24,) median length of the bone that leads to each joint; NaN where it was not seen."""
    found = np.full(len(SMPL24), np.nan)
    for joint, parent in SMPL24.parent_of.items():
        if joint in joint_set and parent in joint_set:
            bone = np.linalg.norm(clip[:, joint_set.index(joint)] - clip[:, joint_set.index(parent)], axis=-1)
            if np.isfinite(bone).any():
                found[SMPL24.index(joint)] = np.nanmedian(bone)
    return found


def _distance(offsets: Floats, lengths: Floats) -> float:
    """How far a skeleton's proportions are from the clip's: mean of the logarithms, size aside."""
    own = np.linalg.norm(offsets, axis=-1)
    there = np.isfinite(lengths) & (lengths > 0) & (own > 0)
    if there.sum() < len(SMPL24) // 2:
        return float("inf")
    ratio = np.log(lengths[there] / own[there])
    return float(np.abs(ratio - np.median(ratio)).mean())


def _calibrated(offsets: Floats, lengths: Floats, clip: Floats, joint_set: JointSet) -> Floats:
    """The known skeleton with the clip's bone lengths, and its angles within pelvis and chest."""
    own = np.linalg.norm(offsets, axis=-1)
    told = np.isfinite(lengths) & (own > 0)
    size = float(np.median(lengths[told] / own[told]))
    scale = np.where(told, lengths / np.where(own > 0, own, 1.0), size)
    found: Floats = offsets * scale[:, None]
    for hub, ends in _HUBS.items():
        rows = SMPL24.indices(ends)
        bones = clip[:, joint_set.indices(ends)] - clip[:, [joint_set.index(hub)]]
        bones = bones[np.isfinite(bones).all((1, 2))]
        if len(bones):
            found[rows] = _mean_shape(bones, found[rows])
    return found


def _mean_shape(bones: Floats, known: Floats) -> Floats:
    """(K, 3) mean of bones (T, K, 3), each frame turned onto the known ones."""
    left, _, right = np.linalg.svd(np.einsum("tki,kj->tij", bones, known))
    sign = np.sign(np.linalg.det(left @ right))
    left[..., -1] *= sign[:, None]
    mean: Floats = np.einsum("tki,tij->tkj", bones, left @ right).mean(0)
    return mean

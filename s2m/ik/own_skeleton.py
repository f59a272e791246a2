"""The rest skeleton of a clip of SMPL's own joints, whoever's body they are of.

HumanML3D's, MDM's and AMASS's joints are those of SMPL's body, whose rest pose differs from the open body's: its hips
are closer together and its legs a little spread, its knees not quite straight. Read against another rest skeleton, a
straight leg looks bent, and the thigh turns by half a radian. A clip tells most of its own skeleton: how long its bones
are, and how the joints that hang from one part (pelvis, chest) lie to each other. Which way a single bone points at
rest no clip tells; it is taken from the known skeleton that the clip's proportions are nearest to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.ik.checks import typical_lengths
from s2m.ik.rest import RestSkeleton
from s2m.ik.smpl_rests import SMPL_RESTS, Offset
from s2m.skeletons import SMPL22, SMPL24, JointSet, is_smpl

Floats = NDArray[np.float64]

# Parts from which several bones go out that keep their angles: they are known up to where they point together.
_HUBS = {"pelvis": ("left_hip", "right_hip", "spine1"), "spine3": ("neck", "left_collar", "right_collar")}
_OPEN = "the open body's"
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
    known = {_OPEN: _offsets(rest.body_joints.double().numpy())}
    known |= {f"SMPL's {name} body's": _array(offsets) for name, offsets in SMPL_RESTS.items()}
    lengths = _lengths(points.double(), joint_set)
    off = {name: _distance(offsets, lengths) for name, offsets in known.items()}
    name = min(off, key=lambda which: off[which])
    if not np.isfinite(off[name]) or (name == _OPEN and off[name] < _NEAR):
        return None
    offsets = _calibrated(known[name], lengths, clip, joint_set)
    pelvis = rest.body_joints[SMPL24.root_index].double().numpy()
    own = torch.from_numpy(_joints(offsets, pelvis)).to(rest.body_joints)
    joints = rest.joints.clone()
    for joint in SMPL24.joints:
        if joint in joint_set:
            joints[joint_set.index(joint)] = own[SMPL24.index(joint)]
    return OwnSkeleton(RestSkeleton(joint_set, joints, own, rest.carriers), name)


def _array(offsets: Mapping[str, Offset]) -> Floats:
    return np.array([(0.0, 0.0, 0.0), *(offsets[joint] for joint in SMPL24.joints[1:])])


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


def _lengths(clip: Tensor, joint_set: JointSet) -> Floats:
    """(24,) typical length of the bone that leads to each joint; NaN where it was not seen."""
    bones = [
        (joint, parent) for joint, parent in SMPL24.parent_of.items() if joint in joint_set and parent in joint_set
    ]
    ends, starts = (joint_set.indices(column) for column in zip(*bones, strict=True))
    found = np.full(len(SMPL24), np.nan)
    found[SMPL24.indices([joint for joint, _ in bones])] = typical_lengths(
        clip, torch.tensor(ends), torch.tensor(starts)
    ).numpy()
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

"""2D joints of any joint set, as those that a lifter takes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.errors import UserError
from s2m.formats.keypoints2d import Keypoints
from s2m.ik.joint_maps import Weights, parts_of
from s2m.skeletons import H36M17, ON_THE_WAY_TO_THE_EARS, S2M27, JointSet, is_smpl
from s2m.skeletons.places import TRUNK, moved, to_detector, to_human36m

# As in training: with fewer joints there is no pose to speak of.
FEWEST_JOINTS = 6
# Middles that stand for a joint which the set does not name. The other rules of s2m.ik.joint_maps name what plays a
# part in a calibrated solver; here a joint has to lie where the lifter's training data have it.
_MIDDLES = ("pelvis", "thorax", "spine")
_EARS = ("left_ear", "right_ear")


def on_joint_set(keypoints: Keypoints, joint_set: JointSet) -> Keypoints:
    """The joints of another set, by name: named ones as they are, others derived (see :func:`lifter_weights`).

    A derived joint is as certain as the least certain of those that it comes from; what cannot be had is missing.

    Args:
        keypoints: The joints that were read.
        joint_set: The joint set that is wanted.
    """
    seen = np.isfinite(keypoints.points).all(-1) & (np.nan_to_num(keypoints.confidence) > 0)
    confidence = np.where(seen, keypoints.confidence, 0).astype(np.float32)
    given = np.where(seen[..., None], keypoints.points, 0).astype(np.float64)
    if keypoints.joint_set.detected and not joint_set.detected:
        given = moved(given, confidence, keypoints.joint_set.joints, to_human36m())
    weights = lifter_weights(keypoints.joint_set, joint_set)
    points = np.einsum("jk,tkc->tjc", weights, given)
    sure = np.where(weights != 0, confidence[:, None], np.inf).min(-1)
    sure = np.where(np.isfinite(sure), sure, 0).astype(np.float32)
    return Keypoints((points * (sure > 0)[..., None]).astype(np.float32), sure, joint_set, keypoints.images)


def as_detected(points: Tensor, confidence: Tensor, joint_set: JointSet) -> Tensor:
    """What was lifted at Human3.6M's places, where a detector has it: the way back from :func:`on_joint_set`.

    Args:
        points: (T, J, D) any unit.
        confidence: (T, J) of what was lifted.
        joint_set: Names of the joints.

    Returns:
        (T, J, D); pelvis, thorax and spine are middles, as they were of what the detector gave.
    """
    trunk = joint_set.indices(TRUNK)
    seen = confidence[:, trunk] > 0
    # A pair that was not seen is where the lifter has it; half a pair went in as the detector gave it.
    whole = torch.stack([seen[:, pair].all(1) | ~seen[:, pair].any(1) for pair in (slice(2), slice(2, 4))], 1)
    moves = torch.stack([whole.all(1), whole[:, 1]], 1).repeat_interleave(2, 1)[..., None]
    matrix = torch.from_numpy(to_detector()).to(points)
    found = points.clone()
    found[:, trunk] = torch.where(moves, matrix @ points[:, trunk], points[:, trunk])
    hips, shoulders = found[:, trunk[:2]].mean(1), found[:, trunk[2:]].mean(1)
    for joint, middle in (("pelvis", hips), ("thorax", shoulders), ("spine", (hips + shoulders) / 2)):
        found[:, joint_set.index(joint)] = middle
    return found


def lifter_weights(given: JointSet, wanted: JointSet) -> NDArray[np.float64]:
    """Every joint of one set as a weighted sum of another's.

    Pelvis and thorax are the middles of the hips and the shoulders and the spine the middle of these two, where they
    are not named; Human3.6M's joints of the head lie on the line from the shoulders to the ears.

    Args:
        given: The K joints that there are.
        wanted: The J joints that are needed.

    Returns:
        (J, K) weights; a row of zeros where a joint cannot be had.

    Raises:
        UserError: For SMPL's joints, which lie inside the body where no lifter has learned to expect them.
    """
    if is_smpl(given):
        raise UserError(f"joint set {given.name}: SMPL's joints are not those that 2D detectors give; see docs/lift.md")
    rows = [_row(name, given) for name in wanted.joints]
    matrix = np.zeros((len(wanted), len(given)))
    for row, weights in zip(matrix, rows, strict=True):
        for joint, weight in weights.items():
            row[given.index(joint)] += weight
    return matrix


def best_lifter_set(given: JointSet, known: list[str]) -> str:
    """Which of the known lifters' joint sets suits a file: all 27 joints only where the file tells all of them.

    Args:
        given: The joints of the file.
        known: Names of the joint sets that lifters exist for.

    Returns:
        One of ``known``.
    """
    whole = bool((lifter_weights(given, S2M27) != 0).any(1).all())
    return S2M27.name if whole and S2M27.name in known else H36M17.name


def _row(name: str, given: JointSet) -> dict[str, float]:
    parts = parts_of(given)
    if name in given or (name in _MIDDLES and name in parts):
        return dict(parts[name])
    share = ON_THE_WAY_TO_THE_EARS.get(name)
    if share is None or "thorax" not in parts:
        return {}
    if all(ear in given for ear in _EARS):
        return _blend(parts["thorax"], dict.fromkeys(_EARS, 0.5), share)
    return _blend(parts["thorax"], {"head": 1.0}, 0.5) if name == "neck_nose" and "head" in given else {}


def _blend(first: Weights, second: Weights, share: float) -> dict[str, float]:
    """Weights of a point between two others."""
    return {joint: (1 - share) * weight for joint, weight in first.items()} | {
        joint: share * weight for joint, weight in second.items()
    }

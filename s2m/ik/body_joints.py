"""Where the joints of any joint set lie on a body, by name."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.body import Body
from s2m.body.landmarks import landmark_row
from s2m.body.regressors import dataset_regressor, own_regressor
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import S2M27, SMPL24, JointSet, is_smpl
from s2m.skeletons.places import TRUNK, to_detector

# Joints outside s2m27 and SMPL's own: the joint of the body that is nearest ...
_NEAREST = {
    "navel": "spine1",
    "chest": "spine3",
    "spine4": "neck",
    **{f"{side}_small_toe": f"{side}_toe" for side in ("left", "right")},
    **{f"{side}_{part}": "nose" for side in ("left", "right") for part in ("eye", "eye_inner", "eye_outer", "mouth")},
}
# ... or smplx's landmark vertex.
_VERTEX = {
    **{f"{side}_thumb": f"{side[0]}thumb" for side in ("left", "right")},
    **{f"{side}_handtip": f"{side[0]}middle" for side in ("left", "right")},
}


def body_regressor(body: Body, joint_set: JointSet) -> Tensor:
    """Joints of any joint set from a body's vertices.

    Joints of ``s2m27`` come from the dataset skeleton when the body ships one, else from the body's own joints.

    Args:
        body: A body in SMPL format.
        joint_set: Names and order of the joints.

    Returns:
        (J, V), rows sum to one.

    Raises:
        KeyError: For a joint without a counterpart.
    """
    if is_smpl(joint_set):
        rows = own_regressor(body, SMPL24)
        places = [SMPL24.index(joint if joint in SMPL24 else SMPL24.root) for joint in joint_set.joints]
        return rows[places]
    regressor = own_regressor if body.skeleton_regressor is None else dataset_regressor
    known = dict(zip(S2M27.joints, regressor(body, S2M27), strict=True))
    if joint_set.detected and body.skeleton_regressor is not None:
        known |= _as_detected(known)
    return torch.stack([_row(body, joint, known) for joint in joint_set.joints])


def _as_detected(known: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rows of the joints that detectors have at other places than Human3.6M, and of the middles of these."""
    matrix = torch.from_numpy(to_detector()).to(known["pelvis"])
    found = dict(zip(TRUNK, matrix @ torch.stack([known[joint] for joint in TRUNK]), strict=True))
    for middle, part in (("pelvis", "hip"), ("thorax", "shoulder")):
        found[middle] = (found[f"left_{part}"] + found[f"right_{part}"]) / 2
    return {**found, "spine": (found["pelvis"] + found["thorax"]) / 2}


def rest_skeleton(body: Body, joint_set: JointSet, betas: Tensor | None = None) -> RestSkeleton:
    """The rest skeleton of a body for any joint set.

    Args:
        body: A body in SMPL format.
        joint_set: Names and order of the joints.
        betas: (1, 10) shape, in standard deviations; ``None`` for the mean shape.
    """
    return RestSkeleton.of(body, body_regressor(body, joint_set), joint_set, betas)


def _row(body: Body, joint: str, known: dict[str, Tensor]) -> Tensor:
    joint = _NEAREST.get(joint, joint)
    if joint in known:
        return known[joint]
    if joint == "nose":
        return landmark_row(body, joint)
    if joint.startswith("unused_"):
        return known["pelvis"]
    if joint == "face":
        return (known["left_ear"] + known["right_ear"]) / 2
    if joint in _VERTEX:
        row = torch.zeros_like(body.v_template[:, 0])
        row[body.vertex_ids[_VERTEX[joint]]] = 1.0
        return row
    if joint in SMPL24:
        return body.joint_regressor[SMPL24.index(joint)]
    raise KeyError(
        f"joint '{joint}' has no counterpart on the body; known are the joints of s2m27 and SMPL and "
        f"{', '.join(sorted({*_NEAREST, *_VERTEX, 'face'}))}"
    )

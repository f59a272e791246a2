"""Where the joints of any joint set lie on a body, by name."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.body import Body
from s2m.body.regressors import dataset_regressor, own_regressor
from s2m.ik.places import place_of
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import S2M27, SMPL24, JointSet, is_smpl
from s2m.skeletons.places import TRUNK, to_detector


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
    own = own_regressor(body, SMPL24)
    regressor = own_regressor if body.skeleton_regressor is None else dataset_regressor
    known = dict(zip(S2M27.joints, regressor(body, S2M27), strict=True))
    if joint_set.detected and body.skeleton_regressor is not None:
        known |= _as_detected(known)
    anchors = _Anchors(body, own, known, {})
    smpl = is_smpl(joint_set)
    return torch.stack([_row(joint, joint_set, anchors, smpl) for joint in joint_set.joints])


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


@dataclass(frozen=True)
class _Anchors:
    """Rows of the places that :mod:`s2m.ik.places` names."""

    body: Body
    own: Tensor
    known: dict[str, Tensor]
    made: dict[str, Tensor]

    def row(self, anchor: str) -> Tensor:
        if anchor not in self.made:
            self.made[anchor] = self._row(anchor)
        return self.made[anchor]

    def _row(self, anchor: str) -> Tensor:
        kind, _, name = anchor.rpartition(":")
        if kind == "own":
            return self.own[SMPL24.index(name)]
        if kind == "at":
            row = torch.zeros_like(self.body.v_template[:, 0])
            row[self.body.vertex_ids[name]] = 1.0
            return row
        return self.known[name]


def _row(joint: str, joint_set: JointSet, anchors: _Anchors, smpl: bool) -> Tensor:
    if smpl and (joint in SMPL24 or joint.startswith("unused_")):
        return anchors.own[SMPL24.index(joint if joint in SMPL24 else SMPL24.root)]
    place = place_of(joint, joint_set)
    if place is None:
        raise KeyError(
            f"joint '{joint}' has no counterpart on the body: {joint_set.name} names it, s2m/ik/places.py does not"
        )
    first, *others = (weight * anchors.row(anchor) for anchor, weight in place.items())
    for other in others:
        first += other
    return first

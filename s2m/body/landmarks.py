"""Where a body's surface landmarks are: rows of weights over the vertices, by joint name.

Everything here uses only what an official SMPL file offers too: 24 joints and smplx's landmark vertices.
"""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.body.model import Body
from s2m.skeletons import SMPL24

# Joints of h36m17 and s2m27 that the body's own tree answers best under another name.
BODY_JOINT_FOR = {"spine": "spine2", "thorax": "neck", "neck_nose": "head"}

_LANDMARK_FOR = {
    "nose": "nose",
    "left_ear": "lear",
    "right_ear": "rear",
    "left_heel": "LHeel",
    "right_heel": "RHeel",
    "left_toe": "LBigToe",
    "right_toe": "RBigToe",
}
_CROWN_DEPTH = 0.01
_KNUCKLE_SPREAD = 0.33
_KNUCKLE_VERTICES = 12


def landmark_row(body: Body, joint: str) -> Tensor:
    """Weights of a joint of ``h36m17`` or ``s2m27`` on the body's surface.

    Args:
        body: A body in SMPL format.
        joint: The joint's name.

    Returns:
        (V,) weights that sum to one.

    Raises:
        KeyError: For an unknown name.
    """
    if joint in _LANDMARK_FOR:
        return _mean_of(body, torch.tensor([body.vertex_ids[_LANDMARK_FOR[joint]]]))
    if joint == "head":
        return _crown(body)
    side, _, part = joint.partition("_")
    if part in ("index", "pinky"):
        return _knuckle(body, side, part)
    raise KeyError(f"no surface landmark for joint '{joint}'")


def own_joint(body: Body, joint: str) -> Tensor:
    """Position of one of the body's own joints on the template.

    Args:
        body: A body in SMPL format.
        joint: SMPL's name of the joint.

    Returns:
        (3,) metres, body frame.
    """
    return body.joint_regressor[SMPL24.index(joint)] @ body.v_template


def _mean_of(body: Body, vertices: Tensor) -> Tensor:
    row = torch.zeros_like(body.v_template[:, 0])
    row[vertices] = 1 / len(vertices)
    return row


def _crown(body: Body) -> Tensor:
    height = body.v_template[:, 1]
    return _mean_of(body, (height > height.max() - _CROWN_DEPTH).nonzero()[:, 0])


def _knuckle(body: Body, side: str, finger: str) -> Tensor:
    """SMPL's hand joint lies amid the knuckles; the fingertips tell which way across the palm is."""
    hand, wrist = own_joint(body, f"{side}_hand"), own_joint(body, f"{side}_wrist")
    along = torch.nn.functional.normalize(hand - wrist, dim=0)
    tips = {name: body.v_template[body.vertex_ids[side[0] + name]] for name in ("index", "pinky")}
    across = tips["index"] - tips["pinky"]
    across = across - along * (across @ along)
    knuckle = hand + across * (_KNUCKLE_SPREAD if finger == "index" else -_KNUCKLE_SPREAD)
    distance = (body.v_template - knuckle).norm(dim=1)
    return _mean_of(body, distance.topk(_KNUCKLE_VERTICES, largest=False).indices)

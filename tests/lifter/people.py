"""A standing person with slightly bent knees and elbows, written down by hand, as an oracle for signs and shapes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from s2m.skeletons import JointSet

# Body frame: +x to the person's left, +y up, +z to the front; metres. Left side and middle.
_PERSON = {
    "pelvis": (0.0, 0.0, 0.0),
    "spine": (0.0, 0.24, -0.02),
    "thorax": (0.0, 0.5, 0.0),
    "neck_nose": (0.0, 0.62, 0.03),
    "head": (0.0, 0.78, 0.02),
    "left_hip": (0.13, -0.02, 0.0),
    "left_knee": (0.14, -0.4, 0.06),
    "left_ankle": (0.14, -0.82, -0.02),
    "left_shoulder": (0.17, 0.48, -0.02),
    "left_elbow": (0.27, 0.25, -0.06),
    "left_wrist": (0.3, 0.05, 0.05),
    "left_ear": (0.07, 0.66, 0.02),
    "left_heel": (0.14, -0.88, -0.06),
    "left_toe": (0.15, -0.89, 0.16),
    "left_index": (0.31, -0.03, 0.1),
    "left_pinky": (0.29, -0.04, 0.03),
}


def person(joint_set: JointSet) -> Tensor:
    """(J, 3) in the body frame, symmetric."""
    joints = dict(_PERSON)
    for name, (x, y, z) in _PERSON.items():
        if name.startswith("left_"):
            joints["right_" + name.removeprefix("left_")] = (-x, y, z)
    return torch.tensor([joints[name] for name in joint_set.joints])


def seen_from(joints: Tensor, azimuths: Tensor) -> Tensor:
    """(B, J, 3) in the camera frame (+y down); azimuth 0 faces the camera, pi turns the back to it."""
    views = []
    for angle in azimuths.tolist():
        c, s = math.cos(angle), math.sin(angle)
        turn = torch.tensor([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
        flip = torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])
        views.append(joints @ (flip @ turn).T)
    return torch.stack(views)

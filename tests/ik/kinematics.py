"""An independent body for the tests of inverse kinematics: naive forward kinematics in NumPy, float64.

Rest joints are those of an adult in T-pose, rounded to millimetres; keypoints sit a centimetre or so off the joints,
each carried by one body part.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.ik import RestSkeleton
from s2m.skeletons import SMPL24, JointSet

REST = {
    "pelvis": (0.0, 0.0, 0.0),
    "hip": (0.112, -0.056, 0.011),
    "spine1": (0.0, 0.075, -0.011),
    "knee": (0.120, -0.435, 0.010),
    "spine2": (0.0, 0.192, -0.007),
    "ankle": (0.125, -0.869, -0.010),
    "spine3": (0.0, 0.317, -0.018),
    "foot": (0.135, -0.918, 0.131),
    "neck": (0.0, 0.502, 0.020),
    "collar": (0.063, 0.444, 0.035),
    "head": (0.0, 0.599, 0.053),
    "shoulder": (0.176, 0.437, 0.030),
    "elbow": (0.434, 0.437, 0.020),
    "wrist": (0.666, 0.437, 0.030),
    "hand": (0.767, 0.437, 0.030),
}

# keypoint: (body joint that carries it, offset from that joint in the rest pose, metres); left side
KEYPOINTS = {
    "pelvis": ("pelvis", (0.0, -0.070, -0.010)),
    "hip": ("pelvis", (0.057, -0.052, 0.013)),
    "knee": ("hip", (0.014, -0.367, -0.011)),
    "ankle": ("knee", (-0.001, -0.420, -0.032)),
    "spine": ("spine1", (0.0, 0.132, -0.014)),
    "thorax": ("spine3", (0.0, 0.155, 0.028)),
    "neck_nose": ("neck", (0.0, 0.066, 0.035)),
    "nose": ("head", (0.0, 0.030, 0.085)),
    "head": ("head", (0.0, 0.165, 0.010)),
    "shoulder": ("collar", (0.101, 0.003, -0.011)),
    "elbow": ("shoulder", (0.252, 0.004, 0.0)),
    "wrist": ("elbow", (0.222, 0.004, 0.013)),
    "ear": ("head", (0.075, 0.020, -0.005)),
    "heel": ("ankle", (0.005, -0.055, -0.050)),
    "toe": ("ankle", (0.015, -0.060, 0.170)),
    "index": ("wrist", (0.090, 0.005, 0.030)),
    "pinky": ("wrist", (0.080, 0.0, -0.040)),
}


def _sided(table: dict, name: str):
    side, _, part = name.partition("_")
    if side not in ("left", "right"):
        return table[name], 1.0
    return table[part], 1.0 if side == "left" else -1.0


def rest_joints() -> np.ndarray:
    """(24, 3) the body's joints at rest."""
    rows = []
    for name in SMPL24.joints:
        (x, y, z), sign = _sided(REST, name)
        rows.append((sign * x, y, z))
    return np.array(rows)


def forward(rotations: np.ndarray, joint_set: JointSet) -> np.ndarray:
    """(B, 24, 3, 3) local rotations to keypoints (B, J, 3)."""
    rest = rest_joints()
    batch = len(rotations)
    world, place = [rotations[:, 0]], [np.zeros((batch, 3))]
    for joint in range(1, 24):
        parent = SMPL24.parents[joint]
        place.append(place[parent] + world[parent] @ (rest[joint] - rest[parent]))
        world.append(world[parent] @ rotations[:, joint])
    if joint_set is SMPL24:
        return np.stack(place, 1)
    points = []
    for name in joint_set.joints:
        (carrier, offset), sign = _sided(KEYPOINTS, name)
        if sign != 1.0 or name.startswith("left_"):
            side = name.partition("_")[0]
            carrier = carrier if carrier == "pelvis" else f"{side}_{carrier}"
            carrier = "head" if carrier.endswith("head") else carrier
        index = SMPL24.index(carrier)
        points.append(place[index] + world[index] @ (np.array(offset) * [sign, 1, 1]))
    return np.stack(points, 1)


def rest_of(joint_set: JointSet) -> RestSkeleton:
    """The rest skeleton that a solver is calibrated to, float64."""
    still = np.tile(np.eye(3), (1, 24, 1, 1))
    return RestSkeleton(joint_set, torch.from_numpy(forward(still, joint_set)[0]), torch.from_numpy(rest_joints()))


def poses(count: int, seed: int = 0, ends: float = 0.0, head: float = 0.0) -> np.ndarray:
    """Random poses people can take, (count, 24, 3, 3). ``ends``, ``head``: degrees of motion of the endpoints."""
    rng = np.random.default_rng(seed)

    def bell(mean, spread, low, high):
        return np.clip(rng.normal(mean, spread, count), low, high)

    out = np.tile(np.eye(3), (count, 24, 1, 1))
    out[:, 0] = Rotation.random(count, random_state=seed).as_matrix()

    def put(name, axes, *degrees):
        out[:, SMPL24.index(name)] = Rotation.from_euler(axes, np.stack(degrees, -1), degrees=True).as_matrix()

    for side, sign in (("left", 1.0), ("right", -1.0)):
        put(
            f"{side}_hip",
            "XZY",
            bell(-28, 32, -120, 25),
            sign * bell(8, 12, -20, 50),
            sign * bell(5, 15, -40, 40),
        )
        put(f"{side}_knee", "YZX", sign * bell(0, 5, -15, 15), bell(0, 3, -9, 9), 140 * rng.beta(0.8, 2.6, count))
        put(
            f"{side}_shoulder",
            "YZX",
            -sign * bell(25, 35, -45, 115),
            -sign * bell(45, 38, -85, 95),
            bell(0, 35, -85, 85),
        )
        put(f"{side}_elbow", "YXZ", -sign * 145 * rng.beta(1.1, 2.0, count), bell(0, 12, -36, 36), bell(0, 4, -12, 12))
        put(f"{side}_collar", "XYZ", bell(0, 3, -9, 9), bell(0, 5, -15, 15), bell(0, 5, -15, 15))
        for end in ("wrist", "ankle"):
            put(f"{side}_{end}", "XYZ", *(ends / 3**0.5 * rng.standard_normal((3, count))))
    for spine in ("spine1", "spine2", "spine3"):
        put(spine, "XYZ", bell(3, 6, -20, 25), bell(0, 5, -15, 15), bell(0, 4, -12, 12))
    put("neck", "XYZ", bell(0, 14, -35, 35), bell(0, 16, -45, 45), bell(0, 8, -25, 25))
    put("head", "XYZ", *(head / 3**0.5 * rng.standard_normal((3, count))))
    return out


def angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Geodesic angle between rotation matrices (..., 3, 3), by SciPy."""
    relative = np.swapaxes(first, -1, -2) @ second
    return Rotation.from_matrix(relative.reshape(-1, 3, 3)).magnitude().reshape(first.shape[:-2])


def world(rotations: np.ndarray) -> np.ndarray:
    """Global orientations (B, 24, 3, 3) of local rotations."""
    out = [rotations[:, 0]]
    for joint in range(1, 24):
        out.append(out[SMPL24.parents[joint]] @ rotations[:, joint])
    return np.stack(out, 1)

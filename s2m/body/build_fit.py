"""Statistics of sampled bodies: shape space, joint regressor, landmarks. Only the open body's builder needs it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from s2m.body.build_tpose import PosedBodies
from s2m.skeletons import SMPL24

Array = NDArray[np.float64]

# Joint regressor: candidates lie in a slab across the bone, on the joint's own part and its parent's.
_SLAB = 0.06
_REACH = 0.28
_OWN_SKIN = 0.3
_CLOSEST = 40
_CANDIDATES = 350
_SUM_WEIGHT = 10.0
_SPREAD_WEIGHT = 2e-3
_SMALLEST = 1e-4

_FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
_KEYPOINTS = {
    "leye": "left_eye",
    "lear": "left_ear",
    "LHeel": "left_heel",
    "LBigToe": "left_big_toe",
    "LSmallToe": "left_small_toe",
}


def shape_space(vertices: Array, area: Array, components: int) -> tuple[Array, Array, Array]:
    """Principal components of bodies (N, V, 3), each vertex weighted by its area (V,).

    Args:
        vertices: (N, V, 3) bodies in one pose.
        area: (V,) weights.
        components: C, how many directions are kept.

    Returns:
        The mean (V, 3), directions (V, 3, C), one standard deviation each and pointing towards taller bodies, and the
        shares of the variance (C,).
    """
    count = len(vertices)
    mean = vertices.mean(axis=0)
    centred = (vertices - mean).reshape(count, -1)
    weighted = centred * np.sqrt(np.repeat(area / area.sum(), 3))
    values, vectors = np.linalg.eigh(weighted @ weighted.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    scores = vectors[:, :components] * np.sqrt(count - 1)
    height = np.ptp(vertices[..., 1], axis=1)
    scores = scores * np.where((scores * (height - height.mean())[:, None]).sum(axis=0) < 0, -1, 1)
    directions = (centred.T @ scores / (count - 1)).reshape(*mean.shape, components)
    return mean, directions, values[:components] / values.sum()


def vertex_area(vertices: Array, faces: NDArray[np.int64]) -> Array:
    """A third of the area of the triangles around each vertex: (V,).

    Args:
        vertices: (V, 3).
        faces: (F, 3).
    """
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    third = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    area = np.zeros(len(vertices))
    np.add.at(area, faces, third[:, None])
    return area


def joint_regressor(vertices: Array, joints: Array, weights: Array, mirror: NDArray[np.int64]) -> Array:
    """Sparse non-negative rows that sum to one and give the joints of bodies.

    Non-negative least squares per joint over the vertices around it. The right side's rows are the left side's,
    mirrored.

    Args:
        vertices: (N, V, 3) metres.
        joints: (N, 24, 3) metres, same frame.
        weights: (V, 24) skinning weights, which tell the vertices around a joint.
        mirror: (V,) the mirror image of every vertex.

    Returns:
        (24, V) rows.
    """
    rows = np.zeros((len(SMPL24), vertices.shape[1]))
    for joint, name in enumerate(SMPL24.joints):
        if not name.startswith("right_"):
            near = _candidates(joint, vertices.mean(axis=0), joints.mean(axis=0), weights)
            rows[joint, near] = _convex_fit(vertices[:, near], joints[:, joint])
    for joint, mirrored in enumerate(SMPL24.mirror):
        if mirrored == joint:
            rows[joint] = (rows[joint] + rows[joint, mirror]) / 2
        elif SMPL24.joints[joint].startswith("right_"):
            rows[joint] = rows[mirrored, mirror]
    return rows


def _candidates(joint: int, template: Array, joints: Array, weights: Array) -> NDArray[np.int64]:
    parent = max(SMPL24.parents[joint], 0)
    children = [child for up, child in SMPL24.bones if up == joint]
    bone = joints[children[0]] - joints[joint] if children else joints[joint] - joints[parent]
    offset = template - joints[joint]
    distance = np.linalg.norm(offset, axis=1)
    in_slab = np.abs(offset @ bone) < _SLAB * np.linalg.norm(bone)
    own = weights[:, joint] + weights[:, parent] > _OWN_SKIN
    around = np.flatnonzero(in_slab & own & (distance < _REACH))
    near = np.union1d(around, np.argsort(distance, kind="stable")[:_CLOSEST])
    return np.asarray(near[np.linspace(0, len(near) - 1, min(len(near), _CANDIDATES)).astype(int)])


def _convex_fit(vertices: Array, joint: Array) -> Array:
    """Weights (K,) with sum_k w_k vertices[:, k] close to joint, for vertices (N, K, 3) and joint (N, 3)."""
    centre = joint.mean(axis=0)
    count = vertices.shape[1]
    system = (vertices - centre).transpose(0, 2, 1).reshape(-1, count)
    scale = np.sqrt(len(system))
    left = np.concatenate([system, np.full((1, count), _SUM_WEIGHT * scale), _SPREAD_WEIGHT * scale * np.eye(count)])
    right = np.concatenate([(joint - centre).ravel(), [_SUM_WEIGHT * scale], np.zeros(count)])
    weights, _ = nnls(left, right, maxiter=20 * count)
    weights[weights < _SMALLEST] = 0
    return np.asarray(weights / weights.sum())


def landmarks(
    template: Array, bodies: PosedBodies, keypoints: dict[str, Array], mirror: NDArray[np.int64]
) -> dict[str, int]:
    """Vertices of smplx's landmarks (V, 3 template): face and feet by Anny's keypoints (3,), fingertips by bones.

    The right side's landmarks are the left side's mirror images; the nose lies on the plane of symmetry.

    Args:
        template: (V, 3) the mean body, metres, body frame.
        bodies: The sampled bodies.
        keypoints: Anny's keypoints on the mean body, (3,) each.
        mirror: (V,) the mirror image of every vertex.

    Returns:
        smplx's names of landmarks -> vertex.
    """
    left: dict[str, int] = {}
    for name, keypoint in _KEYPOINTS.items():
        left[name] = _closest(template, keypoints[keypoint], np.arange(len(template)))
    middle = np.flatnonzero(mirror == np.arange(len(mirror)))
    nose = _closest(template, keypoints["nose"], middle)
    for name, finger in _FINGERS.items():
        tip, base = (_moved_by(bodies, f"finger{finger}-{part}.L") for part in (3, 1))
        along = template[tip].mean(axis=0) - template[base].mean(axis=0)
        left["l" + name] = int(tip[np.argmax(template[tip] @ along)])
    right = {("r" if name[0] == "l" else "R") + name[1:]: int(mirror[vertex]) for name, vertex in left.items()}
    return {"nose": nose, **left, **right}


def _moved_by(bodies: PosedBodies, bone: str) -> NDArray[np.int64]:
    return np.flatnonzero(bodies.bone_weights[bone] > 0.5)


def _closest(template: Array, position: Array, among: NDArray[np.int64]) -> int:
    return int(among[np.argmin(np.linalg.norm(template[among] - position, axis=1))])

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.body.skinning import global_rotations
from s2m.metrics import PVE, AlignedJointAngleError, JointAngleError, SilhouetteIoU, vertex_areas
from s2m.metrics.rotations import (
    GLOBAL_PARTS,
    LOCAL_PARTS,
    geodesic_angle,
    global_angle_error,
    local_angle_error,
)
from s2m.metrics.vertices import pve
from s2m.skeletons import SMPL24


def random_rotations(frames: int, seed: int) -> np.ndarray:
    return Rotation.random(frames * 24, random_state=seed).as_matrix().reshape(frames, 24, 3, 3)


def chained(rotations: np.ndarray, joint: str) -> Rotation:
    own = Rotation.from_matrix(rotations[SMPL24.joints.index(joint)])
    return own if joint == SMPL24.root else chained(rotations, SMPL24.parent_of[joint]) * own


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-5, 0.3, 2.0, math.pi - 1e-5, math.pi - 1e-9, math.pi])
def test_geodesic_angle_is_accurate_everywhere(angle: float) -> None:
    axis = np.array([0.48, -0.6, 0.64])
    base = Rotation.from_rotvec([0.3, 1.0, -2.0])
    second = base * Rotation.from_rotvec(angle * axis)
    found = geodesic_angle(torch.tensor(base.as_matrix()), torch.tensor(second.as_matrix()))
    assert float(found) == pytest.approx(angle, abs=1e-14)


def test_geodesic_angle_against_scipy() -> None:
    first, second = Rotation.random(500, random_state=1), Rotation.random(500, random_state=2)
    expected = (first.inv() * second).magnitude()
    found = geodesic_angle(torch.tensor(first.as_matrix()), torch.tensor(second.as_matrix()))
    assert np.allclose(found.numpy(), expected, atol=1e-12)
    assert float(geodesic_angle(torch.eye(3), torch.zeros(3, 3))) == pytest.approx(math.pi)


def test_global_angles_against_naive_chaining() -> None:
    pred, true = random_rotations(4, 1), random_rotations(4, 2)
    expected = [
        np.mean([(chained(p, part).inv() * chained(t, part)).magnitude() for part in GLOBAL_PARTS])
        for p, t in zip(pred, true, strict=True)
    ]
    found = global_angle_error(torch.tensor(pred), torch.tensor(true))
    assert np.allclose(found.numpy(), expected, atol=1e-12)
    assert [SMPL24.joints.index(part) for part in GLOBAL_PARTS] == [0, 1, 2, 4, 5, 16, 17, 18, 19]


def test_local_angles_cover_ten_rotations() -> None:
    true = torch.tensor(random_rotations(1, 3))
    turn = torch.tensor(Rotation.from_rotvec([0.0, 0.5, 0.0]).as_matrix())
    for joint in SMPL24.joints:
        pred = true.clone()
        pred[:, SMPL24.joints.index(joint)] @= turn
        expected = 0.05 if joint in LOCAL_PARTS else 0.0
        assert float(local_angle_error(pred, true)) == pytest.approx(expected, abs=1e-9)


def test_aligned_angle_removes_a_common_turn() -> None:
    true = torch.tensor(random_rotations(3, 4))
    joints = torch.randn(3, 17, 3, dtype=torch.float64)
    turn = torch.tensor(Rotation.random(3, random_state=5).as_matrix())
    pred = true.clone()
    pred[:, 0] = turn @ true[:, 0]
    turned = joints @ turn.transpose(1, 2)
    plain, aligned = JointAngleError(), AlignedJointAngleError()
    plain.update(pred, true)
    aligned.update(pred, true, turned, joints)
    expected = Rotation.from_matrix(turn.numpy()).magnitude().mean()
    assert float(aligned.compute()) == pytest.approx(0.0, abs=1e-7)
    assert float(plain.compute()) > 0.5
    assert float(geodesic_angle(torch.eye(3).double(), turn).mean()) == pytest.approx(expected)


def test_angle_errors_refuse_bad_input() -> None:
    with pytest.raises(ValueError, match=r"expected \(B, 24, 3, 3\), found \(2, 23, 3, 3\)"):
        global_rotations(torch.zeros(2, 23, 3, 3))
    with pytest.raises(ValueError, match="global or local, found 'both'"):
        JointAngleError("both")  # type: ignore[arg-type]
    broken = torch.eye(3).repeat(2, 24, 1, 1)
    broken[1, 5] = float("inf")
    with pytest.raises(ValueError, match="JointAngleError: pred_rotations is not finite in 1 of 2"):
        JointAngleError().update(broken, broken)


def test_pve_plain_and_weighted() -> None:
    true = torch.zeros(1, 4, 3)
    pred = torch.tensor([[[0.1, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.3], [0.0, 0.0, 0.0]]])
    assert float(pve(pred, true)) == pytest.approx(0.15)
    assert float(pve(pred, true, areas=torch.tensor([0.5, 0.5, 0.0, 0.0]))) == pytest.approx(0.15)
    assert float(pve(pred, true, areas=torch.tensor([0.0, 0.0, 1.0, 0.0]))) == pytest.approx(0.3)
    with pytest.raises(ValueError, match=r"areas: expected \(4,\), found \(3,\)"):
        pve(pred, true, areas=torch.ones(3))
    with pytest.raises(ValueError, match=r"pred: expected \(B, 4, 3\), found \(1, 3, 3\)"):
        pve(pred[:, :3], true)


def test_pa_pve_removes_a_similarity() -> None:
    true = torch.randn(2, 50, 3, dtype=torch.float64)
    turn = torch.tensor(Rotation.random(2, random_state=0).as_matrix())
    metric = PVE("procrustes", unit=1000.0)
    metric.update(3 * true @ turn.transpose(1, 2) + 1, true)
    assert float(metric.compute()) == pytest.approx(0.0, abs=1e-6)
    metric.reset()
    metric.update(true * torch.tensor([-1.0, 1.0, 1.0]), true)
    assert float(metric.compute()) > 100


def test_vertex_areas_against_trimesh() -> None:
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.creation.box(extents=(1.0, 2.0, 3.0)).subdivide()
    expected = np.zeros(len(mesh.vertices))
    for face, area in zip(mesh.faces, mesh.area_faces, strict=True):
        expected[face] += area / 3
    found = vertex_areas(torch.tensor(mesh.vertices), torch.tensor(mesh.faces))
    assert np.allclose(found.numpy(), expected / mesh.area)
    with pytest.raises(ValueError, match="mesh with area"):
        vertex_areas(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]))


def test_iou_against_sets() -> None:
    rng = np.random.default_rng(0)
    pred, true = rng.random((5, 9, 9)) < 0.4, rng.random((5, 9, 9)) < 0.6
    expected = []
    for p, t in zip(pred, true, strict=True):
        a, b = set(np.flatnonzero(p)), set(np.flatnonzero(t))
        expected.append(len(a & b) / len(a | b))
    metric = SilhouetteIoU()
    metric.update(torch.tensor(pred), torch.tensor(true).float())
    assert float(metric.compute()) == pytest.approx(np.mean(expected))


def test_iou_of_empty_masks_and_bad_shapes() -> None:
    metric = SilhouetteIoU()
    metric.update(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4))
    assert float(metric.compute()) == 0.0
    with pytest.raises(ValueError, match=r"found \(1, 4, 4\) and \(1, 5, 5\)"):
        metric.update(torch.zeros(1, 4, 4), torch.zeros(1, 5, 5))

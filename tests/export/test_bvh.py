"""BVH read by another package (bvhio)."""

from __future__ import annotations

from pathlib import Path

import bvhio
import numpy as np
import pytest

from s2m.export.bvh import write_bvh
from s2m.export.names import NAMES
from s2m.skeletons import SMPL24

from .motions import FPS, person, truth, y_up


def joints_at(root: bvhio.Joint, frame: int) -> dict[str, np.ndarray]:
    """Places of all joints, centimetres."""
    root.loadPose(frame)
    return {joint.Name: np.array(joint.PositionWorld) for joint, _, _ in root.layout()}


@pytest.mark.parametrize("scheme", list(NAMES))
def test_another_reader_finds_our_joints(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "walk.bvh"
    write_bvh(path, person(), NAMES[scheme])
    read = bvhio.readAsBvh(str(path))
    assert read.FrameCount == 12
    assert read.FrameTime == pytest.approx(1 / FPS, abs=1e-9)
    root = bvhio.convertBvhToHierarchy(read.Root)
    for frame in (0, 11):
        found = joints_at(root, frame)
        ours = y_up(truth().joints[frame])
        error = [np.linalg.norm(found[name] / 100 - ours[joint]) for joint, name in enumerate(NAMES[scheme])]
        assert max(error) < 1e-5  # the promise is 1e-3


def test_the_rest_pose_is_the_person_s_own(tmp_path: Path) -> None:
    motion = person()
    write_bvh(tmp_path / "walk.bvh", motion)
    root = bvhio.readAsBvh(str(tmp_path / "walk.bvh")).Root
    found = {joint.Name: np.array(joint.Offset) / 100 for joint, _, _ in root.layout()}
    knee, hip = SMPL24.index("left_knee"), SMPL24.index("left_hip")
    np.testing.assert_allclose(found["left_knee"], motion.rest.joints[knee] - motion.rest.joints[hip], atol=1e-6)
    assert found["pelvis"].tolist() == [0, 0, 0]


def test_names_of_the_schemes() -> None:
    for names in NAMES.values():
        assert len(set(names)) == len(SMPL24)
    by_joint = {scheme: dict(zip(SMPL24.joints, names, strict=True)) for scheme, names in NAMES.items()}
    assert by_joint["mixamo"]["left_elbow"] == "mixamorig:LeftForeArm"
    assert by_joint["unreal"]["right_knee"] == "calf_r"
    assert by_joint["vrm"]["spine3"] == "upperChest"
    assert by_joint["cmu"]["right_foot"] == "RightToeBase"

"""Joint sets other than the paper's, derived parts, and users' own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.ik import DIK
from s2m.ik.body_joints import body_regressor, rest_skeleton
from s2m.ik.checks import forwardness
from s2m.ik.joint_maps import part_matrix, parts_of
from s2m.ik.units import TEN_BODY_JOINTS
from s2m.skeletons import (
    BLAZEPOSE33,
    COCO17,
    H36M17,
    JOINT_SETS,
    KINECT32,
    LSP14,
    SMPL24,
    JointSet,
    joint_set_of,
    read_joint_set,
)

from .kinematics import angle, poses

ALL = pytest.mark.parametrize("joint_set", JOINT_SETS.values(), ids=lambda s: s.name)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def posed(body):
    truth = torch.from_numpy(poses(40)).float()
    with torch.no_grad():
        return truth, body(BodyParams.from_rotations(truth, torch.zeros(40, 10))).vertices


@ALL
def test_every_joint_set_is_solved(body, posed, joint_set):
    truth, vertices = posed
    solver = DIK(rest_skeleton(body, joint_set), motion="synthetic")  # what the sampler does
    found = solver(body_regressor(body, joint_set) @ vertices)
    ten = SMPL24.indices(TEN_BODY_JOINTS)
    assert bool(found.solved[:, ten].all())
    assert angle(found.rotations.double().numpy(), truth.double().numpy())[:, ten].mean() < 0.25


@ALL
def test_rest_pose_of_every_joint_set_gives_identity(body, joint_set):
    rest = rest_skeleton(body, joint_set)
    found = DIK(rest)(rest.joints[None]).rotations[0]
    torch.testing.assert_close(found, torch.eye(3).expand(24, 3, 3), atol=2e-5, rtol=0)


@ALL
def test_regressor_rows_sum_to_one(body, joint_set):
    weights = body_regressor(body, joint_set)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(joint_set)), atol=1e-4, rtol=0)


@ALL
def test_left_is_left_and_trees_are_mirror_images(body, joint_set):
    rest = rest_skeleton(body, joint_set).joints
    for joint in joint_set.joints:
        if joint.startswith("left_") and "eye" not in joint and "mouth" not in joint:
            assert rest[joint_set.index(joint), 0] > 0, joint
    assert sorted(joint_set.mirror) == list(range(len(joint_set)))


def test_order_of_the_published_sets():
    """Positions from the data sets' own documentation."""
    known = {
        "coco17": {"nose": 0, "left_eye": 1, "right_ear": 4, "left_shoulder": 5, "right_wrist": 10, "right_ankle": 16},
        "lsp14": {"right_ankle": 0, "left_hip": 3, "right_wrist": 6, "left_wrist": 11, "thorax": 12, "head": 13},
        "mpii16": {"right_ankle": 0, "left_hip": 3, "pelvis": 6, "thorax": 7, "upper_neck": 8, "head": 9,
                   "right_wrist": 10, "left_shoulder": 13, "left_wrist": 15},
        "blazepose33": {"nose": 0, "left_ear": 7, "right_mouth": 10, "left_wrist": 15, "left_pinky": 17,
                        "left_index": 19, "left_thumb": 21, "left_hip": 23, "left_heel": 29, "right_toe": 32},
        "kinect32": {"pelvis": 0, "chest": 2, "neck": 3, "left_collar": 4, "left_thumb": 10, "right_shoulder": 12,
                     "left_hip": 18, "right_toe": 25, "face": 26, "nose": 27, "right_ear": 31},
        "mpi3dhp28": {"spine3": 0, "pelvis": 4, "neck": 5, "head": 7, "left_shoulder": 9, "right_collar": 13,
                      "left_hip": 18, "left_toe": 22, "right_hip": 23, "right_toe": 27},
        "mpi3dhp17": {"head": 0, "thorax": 1, "right_shoulder": 2, "left_wrist": 7, "right_hip": 8, "pelvis": 14,
                      "spine": 15, "neck_nose": 16},
    }  # fmt: skip
    for name, positions in known.items():
        for joint, position in positions.items():
            assert JOINT_SETS[name].index(joint) == position, (name, joint)


def test_derived_parts_are_means():
    points = torch.rand(len(COCO17), 3, dtype=torch.float64)
    at = dict(zip(COCO17.joints, points, strict=True))
    found = part_matrix(COCO17, ("pelvis", "thorax", "spine", "head")) @ points
    pelvis = (at["left_hip"] + at["right_hip"]) / 2
    thorax = (at["left_shoulder"] + at["right_shoulder"]) / 2
    expected = [pelvis, thorax, (pelvis + thorax) / 2, (at["left_ear"] + at["right_ear"]) / 2]
    torch.testing.assert_close(found, torch.stack(expected))


def test_parts_that_cannot_be_had():
    assert "left_heel" not in parts_of(H36M17)
    assert "nose" not in parts_of(LSP14)
    assert parts_of(KINECT32)["left_index"] == {"left_handtip": 1.0}
    assert parts_of(BLAZEPOSE33)["left_pinky"] == {"left_pinky": 1.0}
    with pytest.raises(KeyError, match="joint set lsp14 has no 'nose'"):
        part_matrix(LSP14, ("nose",))


def test_a_missing_joint_takes_its_derived_part_along(body):
    rest = rest_skeleton(body, COCO17)
    joints = rest.joints[None].repeat(2, 1, 1)
    joints[1, COCO17.index("left_shoulder")] = float("nan")
    solved = DIK(rest)(joints).solved
    assert solved[0, SMPL24.index("spine1")]
    assert not solved[1, SMPL24.index("spine1")]
    assert not solved[1, 0]


def test_users_own_set(tmp_path, body, posed):
    truth, vertices = posed
    path = tmp_path / "mine.yaml"
    names = ["thorax", None, "pelvis", "spine", "head", *(f"{s}_{j}" for s in ("left", "right") for j in
             ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"))]  # fmt: skip
    path.write_text("name: mine\njoints: [" + ", ".join("null" if n is None else n for n in names) + "]\n")
    joint_set = read_joint_set(path)
    assert joint_set.joints[:3] == ("thorax", "unused_1", "pelvis")
    assert joint_set.parent_of["left_knee"] == "left_hip"
    assert joint_set.parent_of["left_elbow"] == "left_shoulder"
    joints = body_regressor(body, joint_set) @ vertices
    joints[:, 1] = float("nan")
    found = DIK(rest_skeleton(body, joint_set), motion="synthetic")(joints)
    ten = SMPL24.indices(TEN_BODY_JOINTS)
    assert angle(found.rotations.double().numpy(), truth.double().numpy())[:, ten].mean() < 0.2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("joints: [pelvis]", "expected the fields 'name' and 'joints'"),
        ("name: x\njoints: 3", "joints: expected a list of names"),
        ("name: x\njoints: [pelvis, knee]", r"unknown names \['knee'\]"),
        ("name: x\njoints: [pelvis, pelvis]", "named twice: pelvis"),
        ("name: [", "expected yaml, found something else"),
    ],
)
def test_bad_yaml_is_named(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_joint_set(path)
    assert "bad.yaml" in str(caught.value)


def test_joint_without_a_place_on_the_body(body):
    tail = JointSet("tailed", ("pelvis", "tail"), {"tail": "pelvis"}, "pelvis")
    with pytest.raises(KeyError, match="'tail' has no counterpart"):
        body_regressor(body, tail)


def test_official_bodies_without_a_dataset_skeleton_use_their_own_joints(body):
    joints = body_regressor(body, H36M17) @ body.v_template
    skeleton = body.skeleton_regressor
    try:
        body.skeleton_regressor = None
        own = body_regressor(body, H36M17) @ body.v_template
    finally:
        body.skeleton_regressor = skeleton
    assert 0.003 < float((own - joints).norm(dim=1).mean()) < 0.06
    np.testing.assert_allclose(
        own[H36M17.index("left_knee")], (body.joint_regressor @ body.v_template)[SMPL24.index("left_knee")], atol=1e-5
    )


def test_checks_name_the_part_that_a_set_lacks() -> None:
    few = joint_set_of("few", tuple(joint for joint in H36M17.joints if joint != "right_shoulder"))
    with pytest.raises(KeyError, match="joint set few has no 'right_shoulder'; it has: .*left_shoulder"):
        forwardness(torch.zeros(2, len(few), 3), few)

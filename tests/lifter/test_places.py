"""Where detectors and Human3.6M have hips and shoulders, there and back."""

from __future__ import annotations

import numpy as np
import torch

from s2m.body import load_body
from s2m.formats.keypoints2d import Keypoints
from s2m.ik.body_joints import rest_skeleton
from s2m.lifter.keypoints import as_detected, on_joint_set
from s2m.skeletons import BLAZEPOSE33, COCO17, H36M17, H36M17_DETECTED
from s2m.skeletons.places import TRUNK, moved, to_detector, to_human36m


def test_there_and_back_is_nothing() -> None:
    np.testing.assert_allclose(to_detector() @ to_human36m(), np.eye(4), atol=1e-12)
    np.testing.assert_allclose(to_human36m().sum(1), 1, atol=1e-12)


def test_a_detectors_body_becomes_human36ms() -> None:
    """The rest skeletons of the two definitions, which the body tells, are taken into each other."""
    body = load_body()
    ours, theirs = (rest_skeleton(body, s).joints.double().numpy() for s in (H36M17, COCO17))
    columns = COCO17.indices(TRUNK)
    taken = moved(theirs[None], np.ones((1, 17)), COCO17.joints, to_human36m())[0, columns]
    np.testing.assert_allclose(taken, ours[H36M17.indices(TRUNK)], atol=1e-5)
    wide, narrow = (
        np.linalg.norm(np.subtract(*joints[joint_set.indices(TRUNK[:2])]))
        for joint_set, joints in ((H36M17, ours), (COCO17, theirs))
    )
    assert narrow < 0.8 * wide


def test_what_is_lifted_comes_back_at_the_detectors_places() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4, 33, 2)).astype(np.float32)
    given = Keypoints(points, np.ones((4, 33), np.float32), BLAZEPOSE33)
    taken = on_joint_set(given, H36M17)
    back = as_detected(torch.from_numpy(taken.points), torch.from_numpy(taken.confidence), H36M17_DETECTED)
    for joint in (*TRUNK, "left_knee", "right_wrist"):
        np.testing.assert_allclose(
            back[:, H36M17.index(joint)], points[:, BLAZEPOSE33.index(joint)], atol=1e-5, err_msg=joint
        )
    hips = points[:, BLAZEPOSE33.indices(TRUNK[:2])].mean(1)
    np.testing.assert_allclose(back[:, H36M17.index("pelvis")], hips, atol=1e-5)


def test_a_trunk_of_which_a_joint_is_missing_stays_as_it_is() -> None:
    rng = np.random.default_rng(1)
    points, sure = rng.normal(size=(2, 17, 2)).astype(np.float32), np.ones((2, 17), np.float32)
    sure[1, COCO17.index("left_shoulder")] = 0
    taken = on_joint_set(Keypoints(points, sure, COCO17), H36M17).points
    hip, given = H36M17.index("left_hip"), COCO17.index("left_hip")
    assert np.linalg.norm(taken[0, hip] - points[0, given]) > 1e-2
    np.testing.assert_allclose(taken[1, hip], points[1, given], atol=1e-6)


def test_shoulders_move_where_both_are_seen_whatever_the_hips() -> None:
    """Half bodies: the shoulders alone tell where their other places are; hips that nobody saw are the lifter's."""
    rng = np.random.default_rng(2)
    points, sure = rng.normal(size=(1, 17, 2)).astype(np.float32), np.ones((1, 17), np.float32)
    sure[:, COCO17.indices(("left_hip", "right_hip"))] = 0
    whole = on_joint_set(Keypoints(points, np.ones((1, 17), np.float32), COCO17), H36M17)
    taken = on_joint_set(Keypoints(points, sure, COCO17), H36M17)
    shoulders, hips = H36M17.indices(TRUNK[2:]), H36M17.indices(TRUNK[:2])
    np.testing.assert_allclose(taken.points[:, shoulders], whole.points[:, shoulders], atol=1e-6)
    lifted = torch.from_numpy(whole.points)
    back, all_seen = (
        as_detected(lifted, torch.from_numpy(c), H36M17_DETECTED) for c in (taken.confidence, whole.confidence)
    )
    np.testing.assert_allclose(back[:, shoulders + hips], all_seen[:, shoulders + hips], atol=1e-6)

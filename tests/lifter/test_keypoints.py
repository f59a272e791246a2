"""Joints of detectors on a lifter's joints."""

from __future__ import annotations

import numpy as np
import pytest

from s2m.formats.coco import as_joint_set
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.keypoints import best_lifter_set, lifter_weights, on_joint_set
from s2m.skeletons import BLAZEPOSE33, COCO17, H36M17, KINECT32, LSP14, MPI3DHP17, S2M27, JointSet


def some(joint_set: JointSet, seed: int = 0) -> Keypoints:
    rng = np.random.default_rng(seed)
    count = len(joint_set)
    return Keypoints(
        rng.normal(size=(5, count, 2)).astype(np.float32), rng.uniform(0.1, 1, (5, count)).astype(np.float32), joint_set
    )


@pytest.mark.parametrize("joint_set", [H36M17, S2M27])
def test_the_lifters_own_joints_stay_as_they_are(joint_set: JointSet) -> None:
    given = some(joint_set)
    np.testing.assert_array_equal(on_joint_set(given, joint_set).points, given.points)
    np.testing.assert_array_equal(on_joint_set(given, joint_set).confidence, given.confidence)


def test_coco_agrees_with_the_datasets_own_conversion() -> None:
    given = some(COCO17)
    points, confidence = as_joint_set(np.concatenate([given.points, given.confidence[..., None]], -1), "h36m17")
    np.testing.assert_allclose(on_joint_set(given, H36M17).points, points, atol=1e-6)
    np.testing.assert_allclose(on_joint_set(given, H36M17).confidence, confidence)


def test_what_is_not_finite_or_has_no_confidence_reaches_nothing() -> None:
    given = some(COCO17)
    given.points[:, COCO17.index("left_hip")] = np.nan
    given.confidence[:, COCO17.index("right_ear")] = 0
    taken = on_joint_set(given, H36M17)
    missing = {name for name, sure in zip(H36M17.joints, taken.confidence[0], strict=True) if sure == 0}
    assert missing == {"left_hip", "pelvis", "spine", "neck_nose", "head"}
    assert np.isfinite(taken.points).all()
    assert (taken.points[taken.confidence == 0] == 0).all()


@pytest.mark.parametrize(
    ("joint_set", "missing"),
    [
        (MPI3DHP17, set()),
        (KINECT32, set()),
        (BLAZEPOSE33, set()),
        (LSP14, set()),
    ],
)
def test_what_other_sets_lack_is_missing(joint_set: JointSet, missing: set[str]) -> None:
    weights = lifter_weights(joint_set, H36M17)
    assert {name for name, row in zip(H36M17.joints, weights, strict=True) if not row.any()} == missing
    np.testing.assert_allclose(weights.sum(1), [name not in missing for name in H36M17.joints], atol=1e-12)


def test_the_larger_lifter_is_for_files_that_tell_all_its_joints() -> None:
    both = ["h36m17", "s2m27"]
    assert best_lifter_set(BLAZEPOSE33, both) == "s2m27"
    assert best_lifter_set(S2M27, both) == "s2m27"
    assert best_lifter_set(COCO17, both) == "h36m17"
    assert best_lifter_set(S2M27, ["h36m17"]) == "h36m17"


def test_unsure_joints_can_be_left_out() -> None:
    given = some(H36M17)
    kept = given.above(0.5).confidence
    np.testing.assert_array_equal(kept, np.where(given.confidence < 0.5, 0, given.confidence))

from __future__ import annotations

import pytest

from s2m.skeletons import H36M17, JOINT_SETS, S2M27, SMPL24, JointSet, get_joint_set, mirrored_name


@pytest.mark.parametrize("joint_set", JOINT_SETS.values(), ids=lambda s: s.name)
def test_mirror_is_an_involution_that_swaps_sides(joint_set: JointSet) -> None:
    assert [joint_set.mirror[i] for i in joint_set.mirror] == list(range(len(joint_set)))
    for i, j in enumerate(joint_set.mirror):
        assert mirrored_name(joint_set.joints[i]) == joint_set.joints[j]


@pytest.mark.parametrize("joint_set", JOINT_SETS.values(), ids=lambda s: s.name)
def test_every_joint_reaches_the_root(joint_set: JointSet) -> None:
    for joint in range(len(joint_set)):
        steps = 0
        while joint_set.parents[joint] >= 0:
            joint, steps = joint_set.parents[joint], steps + 1
            assert steps < len(joint_set)
        assert joint == joint_set.root_index


def test_published_orders() -> None:
    # Human3.6M's 17 joints as the lifting literature orders them, and SMPL's kintree.
    assert H36M17.joints[:4] == ("pelvis", "right_hip", "right_knee", "right_ankle")
    assert H36M17.joints[10:14] == ("head", "left_shoulder", "left_elbow", "left_wrist")
    smpl = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
    assert SMPL24.parents == smpl
    assert S2M27.joints[:17] == H36M17.joints


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown joint set 'h36m18'.*h36m17"):
        get_joint_set("h36m18")
    with pytest.raises(KeyError, match="no joint 'tail'"):
        H36M17.index("tail")
    with pytest.raises(ValueError, match="needs a parent"):
        JointSet("broken", ("a", "b"), {}, "a")

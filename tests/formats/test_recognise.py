"""Joint sets told by the number of joints and by proportions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from s2m.data.motion.clips import open_motion
from s2m.errors import UserError
from s2m.formats import recognise as module
from s2m.formats.joints3d import read_joints
from s2m.formats.recognise import counts_of_sets, recognise
from s2m.skeletons import H36M17, JOINT_SETS, JointSet
from tests.formats.fabricated import joints

PATH = Path("a.npy")
SHARED = [name for names in counts_of_sets().values() if len(names) > 1 for name in names]


def test_some_sets_have_as_many_joints_as_others() -> None:
    seventeen_and_thirty_two = {"h36m17", "coco17", "mpi3dhp17", "h36m32", "kinect32"}
    assert set(SHARED) == {*seventeen_and_thirty_two, "body25", "ntu25", "mhr127", "smplx127"}


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("frames", [slice(None), slice(1)])
def test_proportions_tell_sets_of_one_size_apart(name: str, frames: slice) -> None:
    points = joints(name)[frames] * 1000 + np.random.default_rng(0).normal(0, 20, joints(name)[frames].shape)
    found = recognise(points, PATH)
    assert found.joint_set is JOINT_SETS[name]
    assert name in found.why or "alone makes a person" in found.why


def test_missing_joints_do_not_matter() -> None:
    points = joints("coco17").copy()
    points[3:] = 0
    points[:, 0] = np.nan
    points[:, JOINT_SETS["coco17"].index("left_wrist")] = -1
    assert recognise(points, PATH).joint_set is JOINT_SETS["coco17"]


def test_a_count_of_one_set_needs_no_proportions() -> None:
    found = recognise(np.zeros((2, 33, 3)), PATH)
    assert (found.joint_set.name, found.why) == ("blazepose33", "no other set has 33 joints")


@pytest.mark.parametrize("count", [22, 24])
def test_pose_vectors_are_no_joints(tmp_path: Path, count: int) -> None:
    """(frames, 72) rotation vectors are as many numbers as SMPL's joints have coordinates."""
    name = f"smpl{count}"
    points = joints(name) + np.random.default_rng(0).normal(0, 0.05, joints(name).shape)
    assert recognise(points, PATH).joint_set is JOINT_SETS[name]
    for clip in open_motion():
        poses = np.asarray(clip.poses, np.float64).reshape(-1, 24, 3)[:, :count]
        np.save(tmp_path / "a.npy", poses.reshape(len(poses), -1))
        with pytest.raises(UserError, match=f"a.npy: as joints of {name} these make no person .* rotation vectors"):
            read_joints(tmp_path / "a.npy")
        assert read_joints(tmp_path / "a.npy", JOINT_SETS[name]).joint_set is JOINT_SETS[name]


def test_what_fits_none_or_two_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).normal(0, 1, (9, 17, 3))
    with pytest.raises(UserError, match=r"a.npy: 17 joints, but as none of coco17 or h36m17 or mpi3dhp17 do they make"):
        recognise(noise, PATH)
    ears = {"head": "left_ear"}  # other names where no bone is looked at
    parents = {ears.get(child, child): ears.get(parent, parent) for child, parent in H36M17.parent_of.items()}
    twin = JointSet("twin", tuple(ears.get(joint, joint) for joint in H36M17.joints), parents, H36M17.root)
    monkeypatch.setattr(module, "JOINT_SETS", {"h36m17": H36M17, "twin": twin})
    with pytest.raises(UserError, match=r"17 joints: h36m17 or twin\? Both fit; name it with --joint-set"):
        recognise(joints("h36m17"), PATH)


def test_flat_arrays_and_arrays_with_a_confidence(tmp_path: Path) -> None:
    points = joints("coco17")
    trusted = np.concatenate([points, np.full((len(points), 17, 1), 0.5)], -1)
    for content in (points.reshape(len(points), -1), trusted, trusted.reshape(len(points), -1), points[0]):
        np.save(tmp_path / "a.npy", content)
        found = read_joints(tmp_path / "a.npy")
        assert found.joint_set.name == "coco17"
        np.testing.assert_allclose(found.points, points[: len(found.points)])
    np.save(tmp_path / "a.npy", points[..., :2])
    with pytest.raises(UserError, match=r"expected \(frames, joints, 3\), found .*2D joints, which `s2m lift` takes"):
        read_joints(tmp_path / "a.npy")

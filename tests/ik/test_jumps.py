from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from s2m.ik.jumps import correct, discontinuous
from s2m.skeletons import H36M17
from studies.ik.faults import inject

from .kinematics import forward, poses


def smooth_clip(frames: int = 60) -> np.ndarray:
    """Two joints that turn fast and smoothly, (T, 2, 3, 3)."""
    keys = Rotation.random(8, random_state=0)
    times = np.linspace(0, 7, frames)
    first = Slerp(np.arange(8), keys)(times).as_matrix()
    second = Rotation.from_rotvec(np.stack([np.sin(times), 0 * times, times], 1)).as_matrix()
    return np.stack([first, second], 1)


def angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (Rotation.from_matrix(a.reshape(-1, 3, 3)).inv() * Rotation.from_matrix(b.reshape(-1, 3, 3))).magnitude()


def test_smooth_motion_is_left_alone():
    clip = torch.from_numpy(smooth_clip())
    found = correct(clip)
    assert not found.replaced.any()
    assert torch.equal(found.rotations, clip)


@pytest.mark.parametrize("length", [1, 2])
def test_a_short_fault_is_interpolated(length):
    clean = smooth_clip()
    broken = clean.copy()
    broken[20 : 20 + length, 0] = broken[20 : 20 + length, 0] @ Rotation.from_rotvec([0, 2.5, 0]).as_matrix()
    found = correct(torch.from_numpy(broken))
    assert found.replaced.nonzero().tolist() == [[20 + k, 0] for k in range(length)]
    expected = Slerp([19, 20 + length], Rotation.from_matrix(clean[[19, 20 + length], 0]))(np.arange(20, 20 + length))
    assert angles(found.rotations[20 : 20 + length, 0].numpy(), expected.as_matrix()).max() < 1e-6


def test_unsolved_frames_are_interpolated_and_ends_are_held():
    clean = torch.from_numpy(smooth_clip())
    solved = torch.ones(60, 2, dtype=torch.bool)
    solved[0, 0] = solved[30:33, 1] = solved[59, 1] = False
    found = correct(clean, solved)
    torch.testing.assert_close(found.rotations[0, 0], clean[1, 0])
    torch.testing.assert_close(found.rotations[59, 1], clean[58, 1])
    assert angles(found.rotations[31, 1].numpy()[None], clean[31, 1].numpy()[None])[0] < 0.05


def test_a_joint_that_is_never_good_stays():
    clean = torch.from_numpy(smooth_clip(10))
    found = correct(clean, torch.zeros(10, 2, dtype=torch.bool))
    assert torch.equal(found.rotations, clean)
    assert not found.replaced.any()


def test_threshold_is_an_angle():
    clip = np.tile(np.eye(3), (11, 1, 1, 1))
    clip[5, 0] = Rotation.from_rotvec([0.3, 0, 0]).as_matrix()
    assert not discontinuous(torch.from_numpy(clip), 0.31).any()
    assert discontinuous(torch.from_numpy(clip), 0.29).nonzero().tolist() == [[5, 0]]


def test_bad_shape_is_named():
    with pytest.raises(ValueError, match=r"expected shape \(T, J, 3, 3\), found \(5, 3, 3\)"):
        correct(torch.zeros(5, 3, 3))


def test_faults_strike_the_frames_they_say_and_leave_the_others():
    joints = torch.from_numpy(forward(poses(200), H36M17)).float()
    broken, struck = inject(joints, H36M17, (120, 80), 0.05, seed=1)
    changed = (broken != joints).flatten(1).any(1)
    assert torch.equal(changed, struck)
    assert 4 <= int(struck.sum()) <= 30
    assert not struck[115:125].any()
    again, _ = inject(joints, H36M17, (120, 80), 0.05, seed=1)
    assert torch.equal(again, broken)
    assert not inject(joints, H36M17, (120, 80), 0.0, seed=1)[1].any()

"""A person's own proportions: lengths against a plain loop, and lifting people whose bones are not the average ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from s2m.cli import main as s2m
from s2m.lifter import Lifter, lift, shipped
from s2m.lifter.own_proportions import FEWEST, tell_proportions
from s2m.lifter.proportions import BONES, Proportions
from s2m.skeletons import H36M17, S2M27, JointSet

from .scenes import CENTRE, FOCAL, n_mpjpe_mm, scene

_ODD = {"knee": 1.04, "ankle": 0.88, "elbow": 1.1, "wrist": 0.95}  # by the joint in which the bone ends


def _grown(joints: np.ndarray, joint_set: JointSet, ratios: dict[str, float]) -> np.ndarray:
    """Bones made longer or shorter, from the root outwards, one after the other."""
    found, done = joints.copy(), {joint_set.joints[joint_set.root_index]}
    while len(done) < len(joint_set):
        for child, parent in joint_set.parent_of.items():
            if child not in done and parent in done:
                ratio = ratios.get(child.removeprefix("left_").removeprefix("right_"), 1.0)
                a, b = joint_set.index(parent), joint_set.index(child)
                found[:, b] = found[:, a] + ratio * (joints[:, b] - joints[:, a])
                done.add(child)
    return found


def _odd_people(joint_set: JointSet, frames: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """True joints (T, J, 3), metres, and pixels (T, J, 2) of somebody with short shins and long arms."""
    true = _grown(scene(joint_set, frames)[0], joint_set, _ODD)
    return true, true[..., :2] / true[..., 2:] * FOCAL + CENTRE


@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda joint_set: joint_set.name)
def test_bones_are_made_longer_like_one_by_one(joint_set: JointSet) -> None:
    joints = scene(joint_set)[0]
    logarithms = torch.tensor([np.log(_ODD.get(joint, 1.0)) for joint in BONES], dtype=torch.float64)
    told = Proportions(joint_set, logarithms)
    found = told.own(torch.from_numpy(joints))
    np.testing.assert_allclose(found.numpy(), _grown(joints, joint_set, _ODD), atol=1e-6)
    np.testing.assert_allclose(told.expected(found).numpy(), joints, atol=1e-6)
    assert str(told) == "thighs +4%, shins -12%, upper arms +10%, forearms -5%"
    assert str(Proportions(joint_set, torch.zeros(len(BONES)))) == "all within 3 %"


@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda joint_set: joint_set.name)
def test_people_of_other_proportions_are_lifted_better(joint_set: JointSet) -> None:
    true, pixels = _odd_people(joint_set)
    usual, own = (n_mpjpe_mm(lift(pixels, joint_set, one_person=one).joints3d, true) for one in (False, True))
    assert own < 0.97 * usual


def test_short_shins_and_long_arms_are_told() -> None:
    _, pixels = _odd_people(H36M17)
    told = tell_proportions(shipped(), None, torch.from_numpy(pixels).float(), torch.ones(pixels.shape[:2]))
    _, usual = scene(H36M17)
    other = tell_proportions(shipped(), None, torch.from_numpy(usual).float(), torch.ones(usual.shape[:2]))
    assert told is not None
    assert other is not None
    assert told.ratios["shins"] < 0.97 * other.ratios["shins"]
    assert told.ratios["upper arms"] > 1.02 * other.ratios["upper arms"]


def test_unit_and_place_of_the_picture_do_not_matter() -> None:
    _, pixels = _odd_people(H36M17)
    found = lift(pixels, "h36m17").joints3d
    np.testing.assert_allclose(lift(pixels / 640 - 3, "h36m17").joints3d, found, atol=2e-4)


def test_few_frames_are_lifted_each_for_itself() -> None:
    _, pixels = _odd_people(H36M17)
    few = pixels[: FEWEST - 1]
    alone = [lift(frame, "h36m17").joints3d[0] for frame in few]
    np.testing.assert_allclose(lift(few, "h36m17").joints3d, np.stack(alone), atol=1e-5)


def test_frames_that_show_half_a_body_tell_nothing() -> None:
    pixels = torch.from_numpy(_odd_people(H36M17)[1]).float()
    seen = torch.ones(pixels.shape[:2])
    seen[:, H36M17.indices(["left_knee", "left_ankle", "right_knee", "right_ankle", "left_wrist", "right_wrist"])] = 0
    assert tell_proportions(shipped(), None, pixels, seen) is None
    seen[:FEWEST] = 1
    assert tell_proportions(shipped(), None, pixels, seen) is not None


def test_a_joint_that_is_missing_stays_near_where_it_would_be() -> None:
    true, pixels = _odd_people(H36M17)
    whole = lift(pixels, "h36m17").joints3d
    pixels[:, H36M17.index("left_elbow")] = np.nan
    with pytest.warns(UserWarning, match="left_elbow"):
        found = lift(pixels, "h36m17").joints3d
    others = [joint for joint in range(17) if H36M17.joints[joint] not in ("left_elbow", "left_wrist")]
    assert n_mpjpe_mm(found[:, others], true[:, others]) < 1.3 * n_mpjpe_mm(whole[:, others], true[:, others])


def test_it_goes_without_gradients_and_without_a_head() -> None:
    _, pixels = _odd_people(H36M17)
    expected = lift(pixels, "h36m17", lifter=shipped()).joints3d
    with torch.inference_mode():
        own = shipped()  # its weights know of no gradients
        assert all(parameter.is_inference() for parameter in own.parameters())
        np.testing.assert_allclose(lift(pixels, "h36m17", lifter=own).joints3d, expected, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in own.parameters())


def test_a_lifter_that_was_never_trained_gives_numbers() -> None:
    _, pixels = _odd_people(S2M27)
    own = Lifter("s2m27", 0.25, width=16, blocks=1).eval()
    assert np.isfinite(lift(pixels, "s2m27", lifter=own).joints3d).all()


def test_the_command_says_what_it_was_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "odd.npy", _odd_people(H36M17)[1])
    assert s2m(["lift", str(tmp_path / "odd.npy"), "-o", str(tmp_path / "own.npz")]) == 0
    said = capsys.readouterr()
    assert "bones, told by these frames, beside the average person's: " in said.out + said.err
    assert "shins -" in said.out + said.err
    assert s2m(["lift", str(tmp_path / "odd.npy"), "-o", str(tmp_path / "usual.npz"), "--no-one-person"]) == 0
    said = capsys.readouterr()
    assert "bones" not in said.out + said.err
    with np.load(tmp_path / "own.npz") as own, np.load(tmp_path / "usual.npz") as usual:
        assert np.abs(own["joints3d"] - usual["joints3d"]).max() > 0.01

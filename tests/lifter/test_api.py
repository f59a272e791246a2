"""``lift`` against posed bodies seen by a known camera."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from s2m.body import load_body
from s2m.body.regressors import defined_regressor
from s2m.errors import S2MWarning, UserError
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter import Lift, Lifter, shipped
from s2m.lifter import lift as lift_any
from s2m.lifter.warnings import lift_warnings
from s2m.skeletons import COCO17, H36M17, H36M17_DETECTED, S2M27, get_joint_set
from s2m.skeletons.places import moved, to_detector

from .scenes import DISTANCE, n_mpjpe_mm, scene


def lift(joints2d: Any, *arguments: Any, **options: Any) -> Lift:
    """Tensors in, tensors out."""
    return lift_any(torch.as_tensor(np.asarray(joints2d)), *arguments, **options)


def test_the_answer_is_in_kind() -> None:
    pixels = scene(H36M17)[1]
    filed, tensors = lift_any(pixels.astype(np.float64)), lift(pixels)
    assert isinstance(filed.joints3d, np.ndarray)
    np.testing.assert_allclose(filed.joints3d, tensors.joints3d.numpy())
    assert len(repr(filed)) < 400


def test_what_looks_wrong_is_said() -> None:
    with pytest.warns(S2MWarning, match="upside down"):
        lift_any(scene(H36M17)[1] * [1, -1])


def test_the_shipped_lifter_beats_constant_depth_by_far() -> None:
    true, pixels = scene(H36M17)
    lifted = lift(pixels)
    flat = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], -1)
    assert n_mpjpe_mm(lifted.joints3d.numpy(), true) < 0.5 * n_mpjpe_mm(flat, true)
    assert lifted.joint_set is H36M17
    assert bool(lifted.lifted.all())
    assert lifted.joints3d[:, H36M17.root_index].abs().max() == 0


def test_depth_has_the_cameras_sign() -> None:
    """True and lifted depths correlate, in all but the odd frame: +z is away from the camera."""
    true, pixels = scene(H36M17)
    depth, found = true[..., 2] - DISTANCE, lift(pixels).joints3d[..., 2].numpy()
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(depth, found, strict=True)]
    assert np.median(correlation) > 0.8
    assert np.quantile(correlation, 0.1) > 0
    assert not bool(lift(pixels).reversed_suspected.any())


def test_a_lifter_that_has_depth_the_wrong_way_round_is_told() -> None:
    _, pixels = scene(H36M17)
    wrong = shipped()
    with torch.no_grad():
        for value in (wrong.network[-1].weight, wrong.network[-1].bias):
            value[: len(H36M17)] *= -1  # the depths; the corrections of the 2D joints come after them
    lifted = lift(pixels, lifter=wrong)
    assert lifted.reversed_suspected.float().mean() > 0.9
    given = Keypoints(pixels.astype(np.float32), np.ones((24, 17), np.float32), H36M17)
    [message] = lift_warnings(given, lifted)
    assert "point backwards" in message
    assert lift_warnings(given, lift(pixels)) == []


def test_pixels_and_other_units_give_the_same_skeleton() -> None:
    _, pixels = scene(H36M17)
    moved = lift(pixels * 0.01 - 3)
    torch.testing.assert_close(moved.joints3d, lift(pixels).joints3d, atol=2e-4, rtol=0)
    np.testing.assert_allclose((moved.joints2d.numpy() + 3) / 0.01, lift(pixels).joints2d.numpy(), atol=0.1)


def test_denoised_joints_are_in_the_inputs_unit() -> None:
    _, pixels = scene(H36M17)
    person = pixels[..., 1].max(1) - pixels[..., 1].min(1)
    assert np.abs(lift(pixels).joints2d.numpy() - pixels).mean() < 0.02 * person.mean()


def test_a_missing_joint_is_filled_in_near_the_truth() -> None:
    true, pixels = scene(H36M17)
    elbow = H36M17.index("left_elbow")
    pixels[:, elbow] = np.nan
    lifted = lift(pixels)
    assert bool(torch.isfinite(lifted.joints3d).all())
    assert (lifted.confidence[:, elbow] == 0).all()
    found = lifted.joints3d[:, elbow].numpy() - (true[:, elbow] - true[:, H36M17.root_index])
    assert np.median(np.linalg.norm(found, axis=-1)) < 0.25


def test_nan_and_confidence_zero_are_the_same() -> None:
    _, pixels = scene(H36M17)
    confidence = np.ones(pixels.shape[:2])
    confidence[:, H36M17.index("right_wrist")] = 0
    broken = np.where(confidence[..., None] > 0, pixels, np.nan)
    assert torch.equal(lift(broken).joints3d, lift(pixels, confidence=confidence).joints3d)


def test_height_scales_a_mean_body_to_that_height() -> None:
    """The true mean body at its own height needs no other scale; twice the height is twice the skeleton."""
    body = load_body()
    upright = body.v_template[:, 1]
    own = float(upright.max() - upright.min())
    template = defined_regressor(body, H36M17) @ body.v_template
    bones = [(template[H36M17.index(c)] - template[H36M17.index(p)]).norm() for c, p in H36M17.parent_of.items()]
    _, pixels = scene(H36M17)
    lifted = lift(pixels, height=own).joints3d
    parents = [H36M17.parents[i] for i in range(len(H36M17)) if i != H36M17.root_index]
    children = [i for i in range(len(H36M17)) if i != H36M17.root_index]
    length = (lifted[:, children] - lifted[:, parents]).norm(dim=-1).mean(1)
    torch.testing.assert_close(length, torch.stack(bones).mean().expand_as(length), atol=1e-4, rtol=0)
    torch.testing.assert_close(lift(pixels, height=own * 1.3).joints3d, lifted * 1.3)


def test_one_frame_needs_no_frame_axis() -> None:
    _, pixels = scene(H36M17)
    torch.testing.assert_close(lift(pixels[3]).joints3d, lift(pixels[3:4]).joints3d)


def test_many_frames_are_lifted_like_few() -> None:
    _, pixels = scene(H36M17)
    many = lift(np.tile(pixels, (400, 1, 1)), one_person=False)
    assert len(many.joints3d) == 9600
    torch.testing.assert_close(many.joints3d[-24:], lift(pixels, one_person=False).joints3d, atol=1e-5, rtol=1e-4)


def test_frames_with_too_few_joints_are_nan_and_said_so() -> None:
    _, pixels = scene(H36M17)
    pixels[5, :12] = np.nan
    lifted = lift(pixels)
    assert lifted.lifted.tolist() == [i != 5 for i in range(24)]
    assert bool(torch.isnan(lifted.joints3d[5]).all())
    assert bool(torch.isfinite(lifted.joints3d[lifted.lifted]).all())


def test_a_lifter_of_ones_own_is_used() -> None:
    _, pixels = scene(S2M27)
    own = Lifter("s2m27", 0.25, width=16, blocks=1).eval()
    lifted = lift(pixels, "s2m27", lifter=own, one_person=False)
    assert lifted.joint_set is S2M27
    assert lifted.elevation is None
    with torch.no_grad():
        direct = own(torch.from_numpy(pixels).float(), torch.ones(24, 27)).joints3d
    torch.testing.assert_close(lifted.joints3d, direct)


def test_cocos_joints_are_lifted() -> None:
    """COCO's eyes are of no use, its ears tell the top of the head, its middles are nearly Human3.6M's."""
    true, pixels = scene(S2M27)
    true, pixels = (moved(points, np.ones((24, 27)), S2M27.joints, to_detector()) for points in (true, pixels))
    coco = np.stack([pixels[:, S2M27.index(j if j in S2M27 else "neck_nose")] for j in COCO17.joints], 1)
    lifted = lift(coco, "coco17")
    assert lifted.joint_set is H36M17_DETECTED
    assert bool((lifted.confidence == 1).all())
    assert n_mpjpe_mm(lifted.joints3d.numpy(), true[:, : len(H36M17)]) < 80


@pytest.mark.parametrize(
    ("points", "arguments", "expected"),
    [
        (np.zeros((4, 16, 2)), {}, r"\(frames, 17, 2\).*found \(4, 16, 2\)"),
        (np.zeros((0, 17, 2)), {}, "found"),
        (np.full((4, 17, 2), np.nan), {}, "6 or more joints"),
        (np.ones((4, 17, 2)), {"confidence": np.ones((4, 16))}, r"found \(4, 16\)"),
        (np.ones((4, 17, 2)), {"height": 180.0}, "height: expected metres"),
        (np.ones((4, 17, 2)), {"height": float("nan")}, "height: expected metres"),
    ],
)
def test_bad_input_is_named(points: np.ndarray, arguments: dict, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        lift(points, **arguments)


def test_smpls_own_joints_are_refused() -> None:
    with pytest.raises(UserError, match="smpl24"):
        lift(np.ones((2, 24, 2)), get_joint_set("smpl24"), lifter=shipped())


def test_all_27_joints_are_lifted_by_the_lifter_that_knows_them() -> None:
    """Feet and ears lie where they are, relative to ankle and neck: better than at constant depth."""
    true, pixels = scene(S2M27)
    lifted = lift(pixels, "s2m27")
    assert lifted.joint_set is S2M27
    flat = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], -1)
    assert n_mpjpe_mm(lifted.joints3d.numpy(), true) < 0.55 * n_mpjpe_mm(flat, true)
    for end, base in (("left_toe", "left_ankle"), ("right_ear", "neck_nose")):
        columns = S2M27.indices((end, base))
        depth = lifted.joints3d[:, columns, 2].numpy() @ [1, -1], true[:, columns, 2] @ [1, -1]
        assert np.corrcoef(*depth)[0, 1] > 0.7

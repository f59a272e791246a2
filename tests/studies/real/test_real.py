"""The study's geometry, against plain formulas and known truth; nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from s2m.adaptation.adapt import Adapted
from s2m.adaptation.measures import Measures
from s2m.body import load_body
from s2m.errors import UserError
from s2m.ik.body_joints import rest_skeleton
from s2m.lifter.network import Lifter
from s2m.skeletons import BLAZEPOSE33
from studies.real import adapted as learning
from studies.real.cameras import Camera, read_calibration
from studies.real.detections import Detections
from studies.real.figures import errors
from studies.real.methods import JOINTS, METHODS, View, measured_joints
from studies.real.recording import Recording
from studies.real.triangulation import reprojection, smooth, triangulated
from studies.real.wheel import CAMERAS, WHEEL, fetched

CALIBRATION = """<?xml version='1.0'?><calibration><cameras><camera serial="cam01">
<fov_video bottom="1919" left="0" right="1087" top="0"/>
<transform r11="0" r12="1" r13="0" r21="0" r22="0" r23="1" r31="1" r32="0" r33="0" x="3000" y="0" z="1000"/>
<intrinsic centerPointU="34816" centerPointV="61440" focalLengthU="64000" focalLengthV="64000"/>
</camera></cameras></calibration>"""


def ring() -> list[Camera]:
    """Four cameras around the origin at 4 m, all looking at it, z up."""
    cameras = []
    for number in range(4):
        angle = np.pi / 2 * number + 0.3
        forward = -np.array([np.cos(angle), np.sin(angle), 0.0])
        right = np.array([-np.sin(angle), np.cos(angle), 0.0])
        rotation = np.stack([right, np.cross(forward, right), forward])
        intrinsics = np.array([[1000.0, 0, 540], [0, 1000, 960], [0, 0, 1]])
        cameras.append(Camera(f"cam{number}", intrinsics, rotation, -rotation @ (-4 * forward), (1080, 1920)))
    return cameras


def test_a_calibration_in_millimetres_and_64ths_of_pixels() -> None:
    """The camera stands at x = 3 m, 1 m up, and looks at the z axis: a point there is in the picture's middle."""
    (camera,) = read_calibration(CALIBRATION)
    assert camera.size == (1088, 1920)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)
    assert camera.seen(np.array([3.0, 0.0, 1.0])) == pytest.approx([0, 0, 0])
    assert camera.seen(np.array([0.0, 0.0, 1.0])) == pytest.approx([0, 0, 3])
    assert camera.project(np.array([0.0, 0.0, 1.3])) == pytest.approx([544, 960 - 100])  # higher is further up


def test_a_letterboxed_video_is_the_same_camera() -> None:
    (camera,) = read_calibration(CALIBRATION)
    points = np.random.default_rng(0).normal(0, 0.5, (20, 3)) + np.array([0, 0, 1])
    scale = 1080 / 1088
    expected = camera.project(points) * scale + [0, (1920 - 1920 * scale) / 2]
    assert camera.letterboxed((1080, 1920)).project(points) == pytest.approx(expected)


def test_triangulation_finds_points_in_spite_of_a_view_that_is_wrong() -> None:
    rng, cameras = np.random.default_rng(0), ring()
    points = rng.normal(0, 0.5, (200, 3))
    seen = np.stack([camera.project(points) for camera in cameras])
    assert triangulated(seen, np.ones(seen.shape[:2]), cameras) == pytest.approx(points, abs=1e-6)
    noisy = seen + rng.normal(0, 2, seen.shape)
    wrong = rng.integers(0, 4, 200)
    noisy[wrong, np.arange(200)] += 300
    found = triangulated(noisy, np.full(seen.shape[:2], 0.8), cameras)
    assert np.median(np.linalg.norm(found - points, axis=-1)) < 0.012
    assert np.median(reprojection(found, seen, cameras)) < 3


def test_views_that_do_not_see_a_point_do_not_count() -> None:
    rng, cameras = np.random.default_rng(0), ring()
    points = rng.normal(0, 0.5, (50, 3))
    seen = np.stack([camera.project(points) for camera in cameras])
    sure = np.ones(seen.shape[:2])
    seen[2, 7], sure[2, 7] = np.nan, 0  # what is hidden by the picture's edge
    seen[0, 8] = np.nan
    seen[1, 9], sure[1, 9] = 0, 0
    assert triangulated(seen, sure, cameras) == pytest.approx(points, abs=1e-6)
    seen[:3, 3] = np.nan
    with pytest.raises(UserError, match="found 1 in fewer"):
        triangulated(seen, sure, cameras)


def test_smoothing_keeps_slow_motion() -> None:
    time = np.arange(240) / 60
    slow, fast = np.sin(2 * np.pi * time)[:, None], np.sin(2 * np.pi * 25 * time)[:, None]
    found = smooth(slow + fast, 60)
    assert np.abs(found - slow)[30:-30].max() < 0.01


def test_a_hidden_finger_leaves_the_wrist_where_it_is() -> None:
    joints = np.random.default_rng(0).normal(0, 1, (5, 33, 3))
    whole = measured_joints(joints, BLAZEPOSE33)
    joints[2, BLAZEPOSE33.index("left_pinky")] = np.nan
    assert measured_joints(joints, BLAZEPOSE33) == pytest.approx(whole)
    joints[2, BLAZEPOSE33.index("left_wrist")] = np.nan
    assert np.isnan(measured_joints(joints, BLAZEPOSE33)[2, JOINTS.index("left_wrist")]).all()


def test_errors_know_scale_rotation_and_acceleration() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.3, (30, 13, 3)).cumsum(0) / 5 + rng.normal(0, 0.3, (13, 3))
    truth -= truth[:, :1]
    same = errors(truth * 0.01, truth)
    assert max(same.values()) < 1e-6
    mirrored = errors(truth * [1, 1, -1], truth)
    assert mirrored["pa_mpjpe_mm"] > 50
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = errors(truth @ turn.T, truth)
    assert turned["pa_mpjpe_mm"] < 1e-6 < turned["n_mpjpe_mm"]
    jerked = truth.copy()
    jerked[15, 5] += [0, 0, 0.1]
    assert errors(jerked, truth)["accel_mm_per_frame2"] == pytest.approx(100 * (1 + 2 + 1) / (28 * 13), rel=0.02)


def test_exact_projections_are_lifted_better_than_flat_ones() -> None:
    """All methods on somebody who stands there with an arm stretched out to the camera."""
    names = {name: row for row, name in enumerate(BLAZEPOSE33.joints)}
    world = rest_skeleton(load_body(), BLAZEPOSE33).joints.double().numpy()
    shoulder = world[names["left_shoulder"]]
    for part, reach in (("elbow", 0.28), ("wrist", 0.53)):
        world[names[f"left_{part}"]] = shoulder + np.array([0.05, 0, reach])
    # Seen from the side, where a flat person is far off.
    cosine, sine = np.cos(1.2), np.sin(1.2)
    world = world @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    seen = world * [1, -1, -1] + [0, 0, 4]
    pixels = seen[:, :2] / seen[:, 2:] * 1000 + 500
    view = View(pixels[None], np.ones((1, 33)), pixels[None], seen[None], 60.0, 1000.0, np.array([500.0, 500.0]))
    truth = measured_joints(seen[None], BLAZEPOSE33)
    figures = {name: errors(np.repeat(method(view), 3, 0), np.repeat(truth, 3, 0)) for name, method in METHODS.items()}
    assert figures["BlazePose's world landmarks (3D supervision)"]["n_mpjpe_mm"] < 1e-6
    assert figures["s2m lift, exact 2D"]["n_mpjpe_mm"] < figures["planar, exact 2D"]["n_mpjpe_mm"]
    assert truth.shape == (1, len(JOINTS), 3)


def test_who_learns_sees_the_views_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    """On all views, on all but the one that is lifted, on that one alone; detections, never the truth."""
    cameras, frames = ring(), 60
    world = np.random.default_rng(0).normal(0, 0.4, (frames, 33, 3))
    pixels = np.stack([camera.project(world) for camera in cameras]) + 7.0
    sure = np.full(pixels.shape[:3], 0.9)
    sure[:, 3, BLAZEPOSE33.index("left_ankle")] = 0.3  # hidden: no joint to learn from
    found = Detections(pixels, sure, np.zeros((*pixels.shape[:3], 3)), np.full((len(cameras), 2), 1000))
    recording = Recording(found, tuple(cameras), world, np.zeros(pixels.shape[:3]))
    learned: list[list[str]] = []

    def noted(lifter: Lifter, own: list, held: list, *rest: object, **options: object) -> Adapted:
        learned.append([one.name for one in own])
        assert [len(one.joints2d) for one in own] == [48] * len(own)
        assert [len(one.joints2d) for one in held] == [12] * len(own)
        place = lifter.joint_set.index("left_ankle")
        assert all(float(one.confidence[3, place]) == 0 < float(one.confidence[4, place]) for one in own)
        nothing = Measures(1.0, 1.0, 1.0, 0.0)
        return Adapted(lifter, nothing, nothing, (), 8.0)

    monkeypatch.setattr(learning, "adapt", noted)
    methods = learning.adapted_methods(recording)
    names = list(CAMERAS)
    assert learned == [names, *([n for n in names if n != one] for one in names), *([one] for one in names)]
    assert {len(own) for own in methods.values()} == {len(names)}


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"something else")
    with pytest.raises(UserError, match="expected sha256 403e0dc4"):
        fetched(tmp_path)

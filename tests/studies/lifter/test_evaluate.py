"""The study's figures on predictions whose errors are known."""

from __future__ import annotations

import math

import pytest
import torch

from s2m.lifter import Lifter
from s2m.skeletons import H36M17, S2M27
from studies.lifter.conditions import StudyFrames
from studies.lifter.evaluate import elevation_figures, endpoint_errors, evaluate
from studies.lifter.methods import planar
from tests.lifter.people import person, seen_from


def walking(joint_set: object, frames: int = 8) -> StudyFrames:
    joints3d = seen_from(person(joint_set), torch.linspace(0.2, 1.0, frames)) + torch.tensor([0.0, 0.0, 5.0])
    return StudyFrames(
        joints2d=joints3d[..., :2] / joints3d[..., 2:],
        confidence=torch.ones(frames, len(joint_set)),
        joints3d=joints3d,
        unit=torch.full((frames,), 0.2),
        sequence=torch.zeros(frames, dtype=torch.long),
        frame=torch.arange(frames),
        elevation=torch.full((frames,), math.radians(4.0)),
    )


def test_the_truth_is_perfect_and_a_mirrored_depth_is_not() -> None:
    frames = walking(S2M27)
    truth = frames.joints3d - frames.joints3d[:, S2M27.root_index, None]
    perfect = evaluate(lambda *_: truth, frames, S2M27)
    zero = {"mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "reversed_depth", "ears_mm", "hands_mm", "feet_mm"}
    for name in zero | {"accel_mm_per_frame2"}:
        assert perfect[name] == pytest.approx(0, abs=1e-2), name
    assert perfect["depth_cosine"] == pytest.approx(1, abs=1e-5)
    mirrored = evaluate(lambda *_: truth * torch.tensor([1.0, 1.0, -1.0]), frames, S2M27)
    assert mirrored["reversed_depth"] == 1
    assert mirrored["n_mpjpe_mm"] > 50
    # A wrong scale costs MPJPE alone.
    small = evaluate(lambda *_: 0.8 * truth, frames, S2M27)
    assert small["n_mpjpe_mm"] == pytest.approx(0, abs=1e-2)
    shared = truth[:, S2M27.indices(H36M17.joints)]
    assert small["mpjpe_mm"] == pytest.approx(200 * float(shared.norm(dim=-1).mean()), rel=1e-4)


def test_acceleration_in_both_units() -> None:
    frames = walking(H36M17)
    truth = frames.joints3d - frames.joints3d[:, H36M17.root_index, None]
    shaken = truth.clone()
    shaken[1::2, 1:, 0] += 0.01  # second difference of 0, 10, 0, 10, ... mm is 20 mm per frame squared
    figures = evaluate(lambda *_: shaken, frames, H36M17)
    assert figures["accel_mm_per_frame2"] == pytest.approx(20 * 16 / 17, rel=1e-3)
    assert figures["accel_mm_per_s2"] == pytest.approx(20 * 16 / 17 * 900, rel=1e-3)
    assert "ears_mm" not in figures


def test_endpoints_are_measured_from_their_joint() -> None:
    true = person(S2M27)[None] - person(S2M27)[S2M27.root_index]
    pred = true.clone()
    moved = torch.tensor([0.0, 0.0, 0.04])
    # An arm that is displaced as a whole has its hand right; a twisted hand has not.
    for joint in ("left_wrist", "left_index", "left_pinky"):
        pred[:, S2M27.index(joint)] += moved
    pred[:, S2M27.index("right_toe")] += moved
    errors = endpoint_errors(pred, true, S2M27)
    scaled = float((pred * true).sum() / (pred * pred).sum())
    assert {name: value.shape[1] for name, value in errors.items()} == {"ears": 2, "hands": 4, "feet": 4}
    assert float(errors["hands"].max()) < 0.002
    assert float(errors["feet"].max()) == pytest.approx(0.04 * scaled, abs=0.003)


def test_planar_does_not_know_depth() -> None:
    frames = walking(H36M17)
    figures = evaluate(planar(Lifter("h36m17", 0.25, width=8, blocks=1)), frames, H36M17)
    assert figures["depth_cosine"] == 0
    assert figures["n_mpjpe_mm"] > 20


def test_elevation_is_reported_where_it_is_learned() -> None:
    frames, lifter = walking(H36M17, 4), Lifter("h36m17", 0.25, width=8, blocks=1)
    lifter.elevation = lambda *_: None
    assert elevation_figures(lifter, frames) == {}
    lifter.elevation = lambda *_: torch.tensor([2.0, 4.0, 6.0, 8.0]).deg2rad()
    figures = elevation_figures(lifter, frames)
    assert figures["elevation_learned_mean_deg"] == pytest.approx(5, abs=1e-4)
    assert figures["elevation_learned_std_deg"] == pytest.approx(math.sqrt(5), abs=1e-4)
    assert figures["elevation_true_mean_deg"] == pytest.approx(4, abs=1e-4)
    assert figures["elevation_true_std_deg"] == pytest.approx(0, abs=1e-4)
    assert figures["elevation_abs_error_deg"] == pytest.approx(2, abs=1e-4)

"""``solve`` and ``Solver``: kinds of arrays, the way of single frames, warnings."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
import torch

import s2m
from s2m.errors import ArgumentError, S2MWarning
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.solution import solve_with
from s2m.ik.solver import DIK
from s2m.skeletons import H36M17

from .kinematics import forward, poses


@pytest.fixture(scope="module")
def joints() -> np.ndarray:
    return forward(poses(20), H36M17).astype(np.float32) + np.float32([1, 2, 3])


@pytest.fixture(scope="module")
def solver() -> s2m.Solver:
    return s2m.Solver("h36m17").prepare()


def test_single_frames_are_the_batch(joints, solver):
    expected = solve_with(DIK(rest_skeleton(s2m.load_body(), H36M17)), torch.from_numpy(joints), None)
    found = [solver(frame) for frame in joints]
    rotations = np.concatenate([one.params.rotations for one in found])
    np.testing.assert_allclose(rotations, expected.params.rotations, atol=2e-5)
    places = np.concatenate([one.params.transl for one in found])
    np.testing.assert_allclose(places, expected.params.transl, atol=2e-5)
    assert np.array_equal(found[-1].solved[0], expected.solved[-1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_answer_is_in_kind(joints, dtype):
    given = torch.from_numpy(joints).to(dtype)
    assert isinstance(s2m.solve(given).params.rotations, torch.Tensor)
    found = s2m.solve(given.numpy(), confidence=torch.ones(20, 17), betas=np.zeros(10), noise=0.01)
    parts = (*found.params.tensors(), found.solved, found.axis_angle)
    assert all(isinstance(part, np.ndarray) for part in parts)
    assert "..." not in repr(found)
    assert len(repr(found)) < 250


def test_gradients_go_through_single_frames(joints, solver):
    solver(joints[0])
    frame = torch.from_numpy(joints[0]).requires_grad_()
    solver(frame).params.rotations.sum().backward()
    assert frame.grad is not None
    assert bool(torch.isfinite(frame.grad).all())


def test_threads_share_a_solver(joints, solver):
    expected = [solver(frame).axis_angle for frame in joints]
    found: list[np.ndarray] = [np.empty(0)] * len(joints)

    def work(start: int) -> None:
        for i in range(start, len(joints), 4):
            found[i] = solver(joints[i]).axis_angle

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.stack(found), np.stack(expected))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x * 1000, "in mm the size would be right"),
        (lambda x: x[:, list(H36M17.mirror)], "mirrored"),
        (lambda x: np.where(np.arange(17)[:, None] == 3, np.nan, x), "joints missing"),
    ],
)
def test_what_looks_wrong_is_said_once_to_the_caller(change, message):
    rest = s2m.Solver("h36m17").rest_joints.numpy().copy()
    rest[H36M17.indices(["left_knee", "right_knee"]), 2] += 0.1  # bent: straight legs have no front
    clip = change(np.stack([rest] * 3) + 0.0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        s2m.solve(clip)
    fitting = [one for one in said if message in str(one.message)]
    assert len(fitting) == 1
    assert issubclass(fitting[0].category, S2MWarning)
    assert fitting[0].filename == __file__


def test_the_up_axis_is_checked_where_it_is_known():
    rest = s2m.Solver("h36m17").rest_joints.numpy()
    with pytest.warns(S2MWarning, match="upside down"):
        s2m.solve(np.stack([rest, rest]), up="y-down")
    with warnings.catch_warnings():
        warnings.simplefilter("error", S2MWarning)
        s2m.solve(np.stack([rest, rest]), up="y")
        s2m.solve(np.stack([rest, rest]) * [1, -1, -1])


@pytest.mark.parametrize("bad", [{"noise": 15}, {"betas": np.zeros(3)}, {"up": "x"}, {"confidence": np.ones(3)}])
def test_bad_arguments_are_named(joints, bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        s2m.solve(joints, **bad)


@pytest.mark.parametrize("mark", [0.0, -1.0, np.inf])
def test_marks_of_missing_joints_are_missing(joints, mark):
    """One frame, twice, so that the second goes the way of plain numbers; and a batch."""
    solver = s2m.Solver("h36m17")
    spoilt, missing = joints.copy(), joints.copy()
    spoilt[:, 3], missing[:, 3] = mark, np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = solver(missing)
        for found in (solver(spoilt[0]), solver(spoilt[0]), solver(spoilt)):
            np.testing.assert_allclose(found.axis_angle[0], expected.axis_angle[0], atol=1e-5)
            np.testing.assert_array_equal(found.solved[0], expected.solved[0])
            np.testing.assert_allclose(found.params.transl[0], expected.params.transl[0], atol=1e-5)


def test_a_root_at_zero_is_not_missing(joints):
    solver = s2m.Solver("h36m17")
    relative = joints - joints[:, :1]
    for given in (relative[0], relative[0], relative):
        found = solver(given)
        assert found.solved[0, 0]
        np.testing.assert_allclose(found.axis_angle[0], solver(joints).axis_angle[0], atol=1e-4)


def test_coordinates_of_a_map(joints):
    offset = np.array([448262.25, 120.5, 5411932.75])
    solver = s2m.Solver("h36m17")
    expected = solver(joints)
    for given in (joints[0] + offset, joints[0] + offset, joints + offset, torch.from_numpy(joints + offset)):
        found = solver(given)
        np.testing.assert_allclose(np.asarray(found.axis_angle)[0], expected.axis_angle[0], atol=1e-4)
        np.testing.assert_allclose(np.asarray(found.params.transl)[0] - offset, expected.params.transl[0], atol=1e-5)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from s2m.batch import BodyOutput, BodyParams
from s2m.body import Body, load_body
from s2m.body.regressors import (
    ConvexRegressor,
    FixedRegressor,
    FreeRegressor,
    JointRegressor,
    dataset_regressor,
    own_regressor,
    surrounding,
)
from s2m.skeletons import H36M17, ON_THE_WAY_TO_THE_EARS, S2M27, SMPL24, JointSet

from .fabricated import arrays

SETS = [H36M17, S2M27, SMPL24]
LEARNED = [ConvexRegressor, FreeRegressor]


def places(body: Body, weights: Tensor, joint_set: JointSet) -> dict[str, Tensor]:
    return dict(zip(joint_set.joints, (weights @ body.v_template).detach(), strict=True))


def bent(body: Body, **degrees: tuple[float, float, float]) -> BodyOutput:
    vectors = torch.zeros(1, 24, 3)
    for joint, angles in degrees.items():
        vectors[0, SMPL24.index(joint)] = torch.deg2rad(torch.tensor(angles))
    return body(BodyParams.from_rotations(roma.rotvec_to_rotmat(vectors), torch.zeros(1, 10)))


@pytest.mark.parametrize("joint_set", SETS, ids=lambda s: s.name)
def test_own_rows_sum_to_one(body: Body, joint_set: JointSet) -> None:
    weights = own_regressor(body, joint_set)
    assert weights.shape == (len(joint_set), len(body.v_template))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(joint_set)))


def test_own_joints_of_smpl24_are_the_bodys(body: Body, generator: torch.Generator) -> None:
    rest = body.rest(torch.randn(3, 10, generator=generator))
    torch.testing.assert_close(own_regressor(body, SMPL24) @ rest.vertices, rest.joints, atol=1e-6, rtol=0)


def test_own_joints_are_found_by_name(body: Body) -> None:
    place = places(body, own_regressor(body, S2M27), S2M27)
    tree = dict(zip(SMPL24.joints, body.rest().joints[0], strict=True))
    for name in ("pelvis", "left_hip", "right_knee", "left_ankle", "right_shoulder", "left_elbow", "right_wrist"):
        torch.testing.assert_close(place[name], tree[name], atol=1e-6, rtol=0)
    top = body.v_template[:, 1].max()
    assert top - 0.01 < place["head"][1] <= top
    assert place["neck_nose"][1] < place["left_ear"][1] < place["head"][1]
    assert place["left_ear"][2] > place["left_heel"][2]
    assert place["left_toe"][2] > place["left_heel"][2] + 0.15
    # Palm down in the T-pose: the index finger is in front of the little one, both beyond the wrist.
    for side, sign in (("left", 1), ("right", -1)):
        assert place[f"{side}_index"][2] > place[f"{side}_pinky"][2] + 0.04
        assert 0.06 < sign * (place[f"{side}_index"] - place[f"{side}_wrist"])[0] < 0.13


@pytest.mark.parametrize("make", [own_regressor, dataset_regressor])
def test_sets_share_their_rows(body: Body, make: object) -> None:
    small, large = make(body, H36M17), make(body, S2M27)  # type: ignore[operator]
    assert torch.equal(small, large[S2M27.indices(H36M17.joints)])


def test_dataset_skeleton_is_convex_sparse_and_compact(body: Body) -> None:
    weights = dataset_regressor(body, S2M27)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(27))
    assert (weights > 0).sum(dim=1).max() <= 260
    for row, place in zip(weights, weights @ body.v_template, strict=True):
        assert (body.v_template[row > 0] - place).norm(dim=1).max() < 0.21


def test_dataset_skeleton_is_not_the_bodys(body: Body) -> None:
    own, data = (places(body, make(body, H36M17), H36M17) for make in (own_regressor, dataset_regressor))
    offset = torch.stack([(own[name] - data[name]).norm() for name in H36M17.joints if name != "pelvis"])
    assert offset.min() > 0.005
    assert 0.015 < offset.mean() < 0.035
    # The top of Human3.6M's head bone lies far below the crown.
    assert offset.argmax() + 1 == H36M17.index("head")
    assert offset.max() < 0.08
    # Human3.6M's pelvis is the middle of the hips; SMPL's lies some centimetres above.
    assert (data["pelvis"] - (data["left_hip"] + data["right_hip"]) / 2).norm() < 0.01


# Offsets of Human3.6M's skeleton (mm), as published with its data and in github.com/una-dinosauria/3d-pose-baseline.
HUMAN36M_MM = {
    "hip": 132.95, "knee": 442.89, "ankle": 454.21, "spine": 233.38, "thorax": 257.08, "neck_nose": 121.13,
    "head": 115.0, "shoulder": 151.03, "elbow": 278.88, "wrist": 251.73,
}  # fmt: skip


def test_dataset_skeleton_has_human36ms_proportions(body: Body) -> None:
    place = (dataset_regressor(body, H36M17) @ body.v_template).numpy()
    ours = np.array([np.linalg.norm(place[child] - place[parent]) for parent, child in H36M17.bones])
    ends = [H36M17.joints[child] for _, child in H36M17.bones]
    theirs = np.array([HUMAN36M_MM[end.removeprefix("left_").removeprefix("right_")] for end in ends])
    assert len(ours) == 16
    np.testing.assert_allclose(ours / ours.mean(), theirs / theirs.mean(), rtol=0.05)


def test_heads_of_detectors_are_where_least_squares_puts_them(body: Body) -> None:
    rng = np.random.default_rng(0)
    vectors = np.zeros((200, 24, 3))
    for joint in ("neck", "head", "left_collar", "right_collar"):
        vectors[:, SMPL24.index(joint)] = rng.normal(0, 0.2, (200, 3))
    turns, betas = roma.rotvec_to_rotmat(torch.tensor(vectors).float()), torch.tensor(rng.normal(size=(200, 10)))
    joints = dataset_regressor(body, S2M27) @ body(BodyParams.from_rotations(turns, betas.float())).vertices
    at = dict(zip(S2M27.joints, joints.double().numpy().swapaxes(0, 1), strict=True))
    shoulders, ears = ((at[f"left_{part}"] + at[f"right_{part}"]) / 2 for part in ("shoulder", "ear"))
    way = (ears - shoulders).reshape(-1, 1)
    for name, share in ON_THE_WAY_TO_THE_EARS.items():
        found, *_ = np.linalg.lstsq(way, (at[name] - shoulders).ravel(), rcond=None)
        assert share == pytest.approx(found[0], abs=0.02), name


def test_dataset_skeleton_is_symmetric(body: Body) -> None:
    place = dataset_regressor(body, S2M27) @ body.v_template
    mirrored = place[list(S2M27.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, place, atol=5e-4, rtol=0)


# (turned joint, degrees, dataset joint at it, SMPL joint it belongs to)
TURNS = [
    ("left_knee", (120, 0, 0), "left_knee", "left_knee"),
    ("right_knee", (120, 0, 0), "right_knee", "right_knee"),
    ("left_elbow", (0, -120, 0), "left_elbow", "left_elbow"),
    ("right_elbow", (0, 120, 0), "right_elbow", "right_elbow"),
    ("left_wrist", (0, 0, -60), "left_wrist", "left_wrist"),
    ("right_ankle", (35, 0, 0), "right_ankle", "right_ankle"),
    ("left_shoulder", (0, 0, -75), "left_shoulder", "left_shoulder"),
    ("left_shoulder", (0, -90, 0), "left_shoulder", "left_shoulder"),
    ("right_hip", (-100, 0, 0), "right_hip", "right_hip"),
    ("left_hip", (0, 0, 40), "left_hip", "left_hip"),
    ("neck", (40, 0, 0), "thorax", "neck"),
]


@pytest.mark.parametrize(("turned", "degrees", "joint", "anchor"), TURNS)
def test_dataset_joint_stays_at_its_joint(
    body: Body, turned: str, degrees: tuple[float, float, float], joint: str, anchor: str
) -> None:
    row = dataset_regressor(body, S2M27)[S2M27.index(joint)]
    rest, posed = body.rest(), bent(body, **{turned: degrees})
    at_rest, moved = ((row @ p.vertices[0] - p.joints[0, SMPL24.index(anchor)]).norm() for p in (rest, posed))
    assert moved < 0.05
    assert abs(moved - at_rest) < 0.01


def test_far_parts_do_not_move_a_dataset_joint(body: Body) -> None:
    weights = dataset_regressor(body, S2M27)
    turns = {"left_knee": (90, 0, 0), "right_elbow": (0, 90, 0), "left_wrist": (0, 0, 50)}
    posed = bent(body, **turns, right_foot=(-30, 0, 0), head=(30, 0, 0))
    change = (weights @ (posed.vertices[0] - body.v_template)).norm(dim=1)
    still = ["pelvis", "right_hip", "left_hip", "right_ankle", "spine", "left_elbow", "right_shoulder", "right_heel"]
    assert change[S2M27.indices(still)].max() < 1e-3
    moved = ["left_ankle", "right_wrist", "left_index", "right_toe", "left_ear"]
    assert change[S2M27.indices(moved)].min() > 0.01


def test_body_without_dataset_skeleton(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", **arrays(6890))
    with pytest.raises(ValueError, match="'plain' has no dataset skeleton"):
        dataset_regressor(load_body(tmp_path / "plain.npz"), H36M17)


def test_dataset_skeleton_has_no_smpl_joints(body: Body) -> None:
    with pytest.raises(ValueError, match="smpl24 asks for others"):
        dataset_regressor(body, SMPL24)


def test_own_regressor_names_an_unknown_joint(body: Body) -> None:
    tails = JointSet("tails", ("pelvis", "tail"), {"tail": "pelvis"}, "pelvis")
    with pytest.raises(KeyError, match="tail"):
        own_regressor(body, tails)


def test_fixed_regressor_learns_nothing(body: Body, generator: torch.Generator) -> None:
    regressor = FixedRegressor(body, H36M17)
    vertices = body.rest(torch.randn(2, 10, generator=generator)).vertices
    expected = torch.einsum("jv,bvc->bjc", own_regressor(body, H36M17), vertices)
    torch.testing.assert_close(regressor(vertices), expected)
    assert list(regressor.parameters()) == []
    assert regressor.row_sum_penalty() < 1e-4


@pytest.mark.parametrize("joint_set", SETS, ids=lambda s: s.name)
def test_convex_regressor_starts_at_the_own_joints(body: Body, joint_set: JointSet) -> None:
    start = places(body, ConvexRegressor(body, joint_set).weights(), joint_set)
    own = places(body, own_regressor(body, joint_set), joint_set)
    for name in joint_set.joints:
        on_surface = name == "head" or name.endswith(("toe", "heel", "index", "pinky", "ear"))
        assert (start[name] - own[name]).norm() < (0.004 if on_surface else 0.001), name


@pytest.mark.parametrize("neighbours", [1, 80, 301])
def test_convex_regressor_is_convex_whatever_it_learns(body: Body, neighbours: int, generator: torch.Generator) -> None:
    regressor = ConvexRegressor(body, H36M17, neighbours)
    with torch.no_grad():
        regressor.logits.copy_(10 * torch.randn(regressor.logits.shape, generator=generator))
    weights = regressor.weights()
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(17))
    assert (weights > 0).sum(dim=1).max() <= neighbours
    assert regressor.row_sum_penalty() < 1e-4


@pytest.mark.parametrize("neighbours", [0, 10_000_000])
def test_convex_regressor_needs_neighbours(body: Body, neighbours: int) -> None:
    with pytest.raises(ValueError, match=f"neighbours: expected 1.*got {neighbours}"):
        ConvexRegressor(body, H36M17, neighbours)


def test_surrounding_takes_the_nearest_of_each_octant(generator: torch.Generator) -> None:
    points, centre = torch.randn(200, 3, generator=generator), torch.tensor([0.1, -0.2, 0.3])
    found = set(surrounding(points, centre, 24).tolist())
    expected = set()
    for signs in np.ndindex(2, 2, 2):
        inside = [i for i in range(200) if all((points[i, k] > centre[k]) == bool(signs[k]) for k in range(3))]
        expected |= set(sorted(inside, key=lambda i: float((points[i] - centre).norm()))[:3])
    assert found == expected


def test_surrounding_fills_up_where_octants_are_empty(generator: torch.Generator) -> None:
    points = torch.rand(50, 3, generator=generator)
    found = surrounding(points, torch.zeros(3), 20)
    assert set(found.tolist()) == set(points.norm(dim=1).argsort()[:20].tolist())


@pytest.mark.parametrize("make", LEARNED)
def test_learned_regressors_approach_the_dataset(body: Body, make: type[JointRegressor]) -> None:
    regressor = make(body, H36M17)  # type: ignore[call-arg]
    vertices = body.rest(torch.randn(16, 10, generator=torch.Generator().manual_seed(1))).vertices
    target = dataset_regressor(body, H36M17) @ vertices
    optimiser = torch.optim.Adam(regressor.parameters(), lr=0.05 if make is ConvexRegressor else 1e-5)
    errors = []
    for _ in range(60):
        optimiser.zero_grad()
        error = (regressor(vertices) - target).norm(dim=-1).mean()
        (error + 0.4 * regressor.row_sum_penalty() / 17).backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.6 * errors[0]


def test_free_regressors_penalty_in_closed_form(body: Body) -> None:
    regressor = FreeRegressor(body, H36M17)
    with torch.no_grad():
        regressor.matrix.zero_()
        regressor.matrix[0, 0], regressor.matrix[1, 1] = 1.25, -0.5
    assert regressor.row_sum_penalty().item() == pytest.approx(0.25 + 1.5 + 15)


@pytest.mark.parametrize("make", [FixedRegressor, *LEARNED])
def test_state_dict_restores_everything(body: Body, make: type[JointRegressor], tmp_path: Path) -> None:
    first, second = make(body, H36M17), make(body, H36M17)  # type: ignore[call-arg]
    state = {
        name: value.flip(0) if value.is_floating_point() else value.roll(1, 0)
        for name, value in first.state_dict().items()
    }
    first.load_state_dict(state)
    torch.save(first.state_dict(), tmp_path / "w.pt")
    second.load_state_dict(torch.load(tmp_path / "w.pt", weights_only=True), strict=True)
    assert torch.equal(first.weights(), second.weights())
    assert not torch.equal(second.weights(), make(body, H36M17).weights())  # type: ignore[call-arg]

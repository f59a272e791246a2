from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from numpy.testing import assert_allclose

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.body.carried import carried_joints
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import SMPL24, SMPLX144


def random_params(count: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> BodyParams:
    vectors = 0.5 * torch.randn(count, 24, 3, generator=generator, dtype=dtype)
    betas = torch.randn(count, 10, generator=generator, dtype=dtype)
    transl = torch.randn(count, 3, generator=generator, dtype=dtype)
    return BodyParams.from_rotations(roma.rotvec_to_rotmat(vectors), betas, transl)


def naive_skinning(path: Path, rotations: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SMPL's formula for one body, joint by joint in float64, straight from the file."""
    with np.load(path) as file:
        field = {name: file[name].astype(float) for name in ("v_template", "shapedirs", "J_regressor", "weights")}
        field["posedirs"] = file["posedirs"]
    shaped = field["v_template"] + field["shapedirs"] @ betas
    rest = field["J_regressor"] @ shaped
    shaped = shaped + field["posedirs"] @ (rotations[1:] - np.eye(3)).ravel()
    vertices = np.zeros_like(shaped)
    world = np.zeros((24, 4, 4))
    for joint, parent in enumerate(SMPL24.parents):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        world[joint] = world[parent] @ local if parent >= 0 else local
        moved = (shaped - rest[joint]) @ world[joint, :3, :3].T + world[joint, :3, 3]
        vertices += field["weights"][:, [joint]] * moved
    return vertices, world[:, :3, 3]


def test_pose_equals_skinning_written_out(body: Body, generator: torch.Generator) -> None:
    path = Path(__file__).parents[2] / "s2m" / "body" / "assets" / "open_body.npz"
    params = random_params(2, generator)
    found = body(params)
    assert found.vertices.shape == (2, len(body.v_template), 3)
    assert found.joints.shape == (2, 24, 3)
    for i in range(2):
        vertices, joints = naive_skinning(path, params.rotations[i].double().numpy(), params.betas[i].double().numpy())
        assert_allclose(found.vertices[i], vertices + params.transl[i].numpy(), atol=5e-6)
        assert_allclose(found.joints[i], joints + params.transl[i].numpy(), atol=5e-6)


def test_rest_is_the_template(body: Body) -> None:
    rest = body.rest()
    assert_allclose(rest.vertices[0], body.v_template, atol=1e-6)
    assert_allclose(rest.joints[0], body.joint_regressor @ body.v_template, atol=1e-6)


def test_missing_translation_is_zero(body: Body, generator: torch.Generator) -> None:
    params = random_params(2, generator)
    without = body(BodyParams(params.global_orient, params.body_pose, params.betas))
    assert params.transl is not None
    assert_allclose(body(params).vertices, without.vertices + params.transl[:, None], atol=1e-6)


def test_gradients_by_finite_differences(generator: torch.Generator) -> None:
    body = load_body().double()
    params = random_params(1, generator, torch.float64)
    vertices = torch.randint(len(body.v_template), (6,), generator=generator)

    def some(vectors: torch.Tensor, betas: torch.Tensor, transl: torch.Tensor) -> torch.Tensor:
        posed = body(BodyParams.from_rotations(roma.rotvec_to_rotmat(vectors), betas, transl))
        return torch.cat([posed.vertices[:, vertices], posed.joints[:, ::7]], dim=1)

    assert params.transl is not None
    inputs = (roma.rotmat_to_rotvec(params.rotations), params.betas, params.transl)
    assert torch.autograd.gradcheck(some, tuple(value.requires_grad_() for value in inputs), atol=1e-7)


def test_inputs_stay_untouched(body: Body, generator: torch.Generator) -> None:
    params = random_params(2, generator)
    before = params.to(torch.float32, copy=True)
    body(params)
    for name in ("global_orient", "body_pose", "betas", "transl"):
        assert torch.equal(getattr(params, name), getattr(before, name))


def test_state_dict_holds_no_body(body: Body) -> None:
    assert body.state_dict() == {}
    assert list(body.parameters()) == []


def test_two_loads_are_the_same_body(body: Body) -> None:
    again = load_body()
    assert again.hash == body.hash
    assert again.name == "open_body"


def test_people_have_human_heights(body: Body, generator: torch.Generator) -> None:
    height = np.ptp(body.rest(torch.randn(400, 10, generator=generator)).vertices[..., 1].numpy(), axis=1)
    assert height.mean() == pytest.approx(1.69, abs=0.03)
    assert height.std() == pytest.approx(0.10, abs=0.02)


def test_mesh_is_closed_symmetric_and_wound_outwards(body: Body) -> None:
    faces, vertices = body.faces.numpy(), body.v_template.double().numpy()
    directed = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed)
    assert {tuple(edge) for edge in directed} == {tuple(edge[::-1]) for edge in directed}
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
    assert 0.05 < volume < 0.09
    mirrored = np.sort((vertices * [-1, 1, 1]).round(3), axis=0)
    assert_allclose(mirrored, np.sort(vertices.round(3), axis=0), atol=2e-3)


def test_stance_is_narrow_and_arms_are_straight(body: Body) -> None:
    joint = dict(zip(SMPL24.joints, body.rest().joints[0], strict=True))
    for side, sign in (("left", 1), ("right", -1)):
        hip, ankle = joint[f"{side}_hip"] * sign, joint[f"{side}_ankle"] * sign
        assert 0.08 < ankle[0] < hip[0] < 0.12
        arm = torch.stack([joint[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist", "hand")])
        assert np.ptp(arm[:, 1:].numpy(), axis=0).max() < 2e-3
        assert joint[f"{side}_foot"][2] > joint[f"{side}_ankle"][2] + 0.1
    assert body.v_template[body.vertex_ids["nose"], 2] > joint["head"][2] + 0.05
    assert body.v_template[body.vertex_ids["lear"], 0] > 0.05


@pytest.fixture
def with_offsets(tmp_path: Path) -> Path:
    """The open body with pose-dependent offsets, which it has none of."""
    path = Path(__file__).parents[2] / "s2m" / "body" / "assets" / "open_body.npz"
    with np.load(path) as file:
        fields = {name: file[name] for name in file.files}
    fields["posedirs"] = np.random.default_rng(0).normal(scale=1e-3, size=fields["posedirs"].shape).astype("f4")
    np.savez(tmp_path / "offsets.npz", **fields)
    return tmp_path / "offsets.npz"


def test_pose_dependent_offsets_are_used(with_offsets: Path) -> None:
    params = random_params(1, torch.Generator().manual_seed(3))
    vertices, _ = naive_skinning(with_offsets, params.rotations[0].double().numpy(), params.betas[0].double().numpy())
    assert params.transl is not None
    found = load_body(with_offsets)(params).vertices[0] - params.transl[0]
    assert_allclose(found, vertices, atol=1e-5)


@pytest.mark.parametrize("offsets", [False, True])
def test_some_vertices_are_those_of_the_whole_with_their_gradient(offsets: bool, with_offsets: Path) -> None:
    body = load_body(with_offsets if offsets else None)
    index = torch.randperm(len(body.v_template), generator=torch.Generator().manual_seed(0))[:300]
    given = random_params(3, torch.Generator().manual_seed(4))

    def run(some: bool) -> tuple[torch.Tensor, ...]:
        leaves = [value.clone().requires_grad_() for value in (given.rotations, given.betas)]
        params = BodyParams.from_rotations(*leaves, given.transl)
        posed = body(params, index) if some else body(params)
        vertices = posed.vertices if some else posed.vertices[:, index]
        return vertices, posed.joints, *torch.autograd.grad((vertices**2).sum(), leaves)

    for found, expected in zip(run(some=True), run(some=False), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("correctives", [False, True])
def test_joints_are_those_of_the_mesh(
    correctives: bool,
    body: Body,
    with_offsets: Path,
    generator: torch.Generator,
) -> None:
    if correctives:
        body = load_body(with_offsets)
        assert body.has_correctives
    params = random_params(60, generator)
    params.betas[:] = params.betas[0].clone()
    weights = body_regressor(body, SMPLX144)
    with torch.no_grad():
        expected = weights @ body(params).vertices
        found = carried_joints(body, weights, params)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)

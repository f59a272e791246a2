"""The suite's own skinning against smplx, the reference implementation of the SMPL paper's formula."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import roma
import smplx
import torch
from smplx.utils import Struct
from smplx.vertex_ids import vertex_ids
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.body.arrays import OFFICIAL_VERTEX_IDS, BodyArrays
from s2m.body.skinning import Tree, rigid_transforms, skin
from s2m.skeletons import SMPL24

from .fabricated import arrays

OPEN_BODY = Path(__file__).parents[2] / "s2m" / "body" / "assets" / "open_body.npz"


def fabricated() -> Body:
    """Random arrays of SMPL's shapes with every kind of blend shape."""
    fields = arrays(150)
    fields["posedirs"] = np.random.default_rng(1).normal(scale=0.01, size=(150, 3, 207))
    names = list(OFFICIAL_VERTEX_IDS)
    fields |= {"vertex_ids_keys": np.array(names), "vertex_ids_vals": np.arange(len(names))}
    return Body(BodyArrays.checked(fields, "fabricated"), "fabricated")


def oracle(body: Body) -> smplx.SMPLLayer:
    """smplx's layer with the arrays of a body."""
    count = len(body.v_template)
    posedirs = np.zeros((count, 3, 207)) if body.posedirs is None else body.posedirs.permute(1, 2, 0).numpy()
    fields = Struct(
        v_template=body.v_template.numpy(),
        shapedirs=body.shapedirs.numpy(),
        posedirs=posedirs,
        J_regressor=body.joint_regressor.numpy(),
        weights=body.weights.numpy(),
        kintree_table=[list(SMPL24.parents), list(range(24))],
        f=body.faces.numpy(),
    )
    with contextlib.redirect_stdout(io.StringIO()):
        return smplx.SMPLLayer("", data_struct=fields, vertex_ids=body.vertex_ids, num_betas=10)


def sample(count: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    rotations = roma.rotvec_to_rotmat(0.5 * torch.randn(count, 24, 3, generator=generator, dtype=dtype))
    betas = torch.randn(count, 10, generator=generator, dtype=dtype)
    return rotations, betas, torch.randn(count, 3, generator=generator, dtype=dtype)


def ours(body: Body, rotations: Tensor, betas: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
    posed = body(BodyParams.from_rotations(rotations, betas, transl))
    return posed.vertices, posed.joints


def theirs(layer: smplx.SMPLLayer, rotations: Tensor, betas: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
    posed = layer(global_orient=rotations[:, 0], body_pose=rotations[:, 1:], betas=betas, transl=transl)
    return posed.vertices, posed.joints[:, :24]


def gradients(outputs: tuple[Tensor, Tensor], leaves: list[Tensor]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(7)
    weights = [torch.randn(out.shape, generator=generator, dtype=out.dtype) for out in outputs]
    return torch.autograd.grad(outputs, leaves, weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("made", [load_body, fabricated], ids=["open", "fabricated"])
def test_vertices_joints_and_gradients_are_those_of_smplx(made: object, dtype: torch.dtype) -> None:
    body: Body = made()  # type: ignore[operator]
    layer = oracle(body).to(dtype)
    body = body.to(dtype)
    leaves = [value.requires_grad_() for value in sample(5, dtype)]
    found, expected = ours(body, *leaves), theirs(layer, *leaves)
    atol = 1e-5 if dtype == torch.float32 else 1e-12
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=atol, rtol=0)
    relative = 1e-5 if dtype == torch.float32 else 1e-12
    for one, other in zip(gradients(found, leaves), gradients(expected, leaves), strict=True):
        torch.testing.assert_close(one, other, atol=relative * float(other.abs().max()), rtol=0)


def test_kinematics_have_the_very_bits_of_smplx() -> None:
    """Trainings that were done with smplx can be repeated: sums are taken in its order."""
    from smplx.lbs import batch_rigid_transform

    generator = torch.Generator().manual_seed(0)
    rotations = sample(7, torch.float32)[0].requires_grad_()
    joints = torch.randn(7, 24, 3, generator=generator, requires_grad=True)
    posed, transforms = batch_rigid_transform(rotations, joints, torch.tensor(SMPL24.parents))
    found, found_posed = rigid_transforms(rotations, joints, Tree(SMPL24.parents))
    assert torch.equal(found, transforms[:, :, :3])
    assert torch.equal(found_posed, posed)
    leaves = [rotations, joints]
    ends = gradients((found, found_posed), leaves), gradients((transforms[:, :, :3], posed), leaves)
    assert all(torch.equal(*pair) for pair in zip(*ends, strict=True))


def test_a_tree_in_any_order_of_depths() -> None:
    """Against a walk joint by joint; here levels are no slices and a joint has three children of different size."""
    parents = (-1, 0, 1, 0, 3, 1, 0, 4)
    generator = torch.Generator().manual_seed(0)
    rotations = roma.random_rotmat((3, 8), dtype=torch.float64).requires_grad_()
    joints = torch.randn(3, 8, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    transforms, posed = rigid_transforms(rotations, joints, Tree(parents))
    turns, places = [rotations[:, 0]], [joints[:, 0]]
    for joint, parent in list(enumerate(parents))[1:]:
        step = joints[:, joint] - joints[:, parent]
        places.append(places[parent] + (turns[parent] @ step[..., None])[..., 0])
        turns.append(turns[parent] @ rotations[:, joint])
    torch.testing.assert_close(transforms[..., :3], torch.stack(turns, 1))
    torch.testing.assert_close(posed, torch.stack(places, 1))
    assert torch.autograd.gradcheck(lambda r, j: rigid_transforms(r, j, Tree(parents)), (rotations, joints))


def test_chunks_of_the_batch_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    transforms = torch.randn(5, 4, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    rest = torch.randn(5, 11, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(11, 4, generator=generator, dtype=torch.float64)
    whole = skin(transforms, rest, weights)
    monkeypatch.setattr("s2m.body.skinning._CHUNK_ON_CPU", 2 * 12 * 11)  # two bodies
    torch.testing.assert_close(skin(transforms, rest, weights), whole)
    assert torch.autograd.gradcheck(lambda t, r: skin(t, r, weights), (transforms, rest))


def test_landmarks_of_the_official_mesh_are_smplx_s() -> None:
    assert vertex_ids["smplh"] == OFFICIAL_VERTEX_IDS


def test_reprs_print_no_arrays() -> None:
    body = load_body()
    with np.load(OPEN_BODY) as file:
        fields = BodyArrays.checked(dict(file), "open")
    for thing in (body, fields, body.rest(), BodyParams.from_rotations(*sample(2, torch.float32))):
        assert len(repr(thing)) < 500
        assert "tensor(" not in repr(thing)
        assert "array(" not in repr(thing)


def test_a_body_needs_none_of_the_training_packages() -> None:
    code = (
        "import sys; blocked = 'smplx torchvision pytorch_lightning lightning pytorch3d wandb'.split();"
        "sys.modules.update(dict.fromkeys(blocked)); from s2m.body import load_body;"
        "print(load_body().rest().joints.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "24, 3" in done.stdout

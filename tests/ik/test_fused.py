"""The compiled kernel against the solver that it was traced from."""

from __future__ import annotations

import pytest
import torch

from s2m.fused import CompilerMissing
from s2m.ik import DIK
from s2m.ik.fused import FusedDIK
from s2m.skeletons import H36M17, S2M27

from .kinematics import forward, poses, rest_of


@pytest.fixture(scope="module", params=[("h36m17", 0.03), ("s2m27", 0.0)], ids=str)
def pair(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield make_pair(request)


def make_pair(request):
    name, noise = request.param
    joint_set = {"h36m17": H36M17, "s2m27": S2M27}[name]
    solver = DIK(rest_of(joint_set), noise=noise).float()
    try:
        fused = FusedDIK(solver)
    except CompilerMissing as error:
        pytest.skip(str(error))
    joints = torch.from_numpy(forward(poses(77), joint_set)).float()
    return solver, fused, joints + 0.01 * torch.randn(joints.shape, generator=torch.Generator().manual_seed(0))


def test_kernel_is_the_solver(pair):
    solver, fused, joints = pair
    found, expected = fused(joints), solver(joints)
    torch.testing.assert_close(found.rotations, expected.rotations, atol=1e-4, rtol=0)
    assert torch.equal(found.solved, expected.solved)


def test_kernel_handles_rests_of_blocks_and_layouts(pair):
    _, fused, joints = pair
    whole = fused(joints).rotations
    for count in (0, 1, 15, 16, 17):
        torch.testing.assert_close(fused(joints[:count]).rotations, whole[:count])
    torch.testing.assert_close(fused(joints.transpose(0, 1).contiguous().transpose(0, 1)).rotations, whole)


def test_backward_kernel_is_autograds(pair):
    solver, fused, joints = pair
    weight = torch.linspace(-1, 1, 24 * 9).reshape(24, 3, 3)
    gradients = []
    for which in (solver, fused):
        x = joints.clone().requires_grad_()
        (which(x).rotations * weight).sum().backward()
        gradients.append(x.grad)
    error = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert float(error) < 1e-3


def test_everything_else_goes_to_the_solver(pair):
    solver, fused, joints = pair
    broken = joints.clone()
    broken[3, 5] = float("nan")
    torch.testing.assert_close(fused(broken).rotations, solver(broken).rotations)
    confidence = torch.rand(joints.shape[:2], generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        fused(joints, confidence=confidence).rotations, solver(joints, confidence=confidence).rotations
    )
    root = torch.eye(3).expand(len(joints), 3, 3)
    torch.testing.assert_close(fused(joints, root=root).rotations, solver(joints, root=root).rotations)
    with pytest.raises(ValueError, match="expected shape"):
        fused(joints[:, :5])

"""Poses with known rotations, their joints with noise, and the errors of solvers on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import roma
import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.data.motion.clips import open_motion
from s2m.data.motion.sampler import sample_poses
from s2m.data.open.config import ClipSplit
from s2m.geometry.procrustes import similarity_align
from s2m.ik.baselines.rigid import forward_kinematics
from s2m.ik.body_joints import body_regressor
from s2m.ik.interface import IKSolver
from s2m.ik.rest import RestSkeleton
from s2m.metrics.rotations import LOCAL_PARTS, geodesic_angle, global_angle_error
from s2m.skeletons import EXTREMITIES, H36M17, S2M27, SMPL24, JointSet

_CHUNK = 100


class SkinnedJoints:
    """Joints of posed bodies of mean shape without making their meshes.

    A joint is a fixed sum of vertices, and a vertex a fixed sum of bone transforms: so a joint is a fixed sum of
    bone transforms. Exact for bodies without pose blend shapes, as the open one.

    Args:
        body: A body in SMPL format.
        joint_set: The joint set.
    """

    def __init__(self, body: Body, joint_set: JointSet) -> None:
        weights = body_regressor(body, joint_set)
        skin = body.weights
        self.rest = RestSkeleton.of(body, weights, joint_set)
        self.share = weights @ skin  # (J, 24)
        moment = torch.einsum("jv,vb,vc->jbc", weights, skin, body.v_template)
        self.offset = moment - self.share[..., None] * self.rest.body_joints

    def __call__(self, rotations: Tensor) -> Tensor:
        """(B, 24, 3, 3) local rotations to joints (B, J, 3), the body's pelvis joint at the origin."""
        frames, places = forward_kinematics(rotations, self.rest)
        if self.rest.joint_set is SMPL24:
            return places
        return torch.einsum("bkxy,jky->bjx", frames, self.offset) + torch.einsum("bkx,jk->bjx", places, self.share)


@dataclass(frozen=True)
class Poses:
    """Rotations (N, 24, 3, 3) with a name; lengths of the clips that they are cut from, if any.

    Attributes:
        name: For the table.
        rotations: (N, 24, 3, 3) root first, the others relative to their parents.
        lengths: Frames of the clips that they are cut from, if any.
    """

    name: str
    rotations: Tensor
    lengths: tuple[int, ...] = ()

    def clips(self) -> Iterator[slice]:
        """One slice for each clip."""
        start = 0
        for length in self.lengths:
            yield slice(start, start + length)
            start += length


def random_poses(count: int, seed: int) -> Poses:
    """Random poses within anatomical limits, endpoints at rest.

    Args:
        count: How many.
        seed: Of the random numbers.
    """
    q = sample_poses(np.random.default_rng(seed), count)
    return Poses("random poses", roma.unitquat_to_rotmat(q))


def motion_poses(part: Literal["all", "tuning", "held out"] = "all") -> Poses:
    """Frames of the shipped motion clips.

    ``tuning``: of the clips that train the open data, on which the solver's constants were chosen; ``held out``: of
    the others.

    Args:
        part: Which clips.
    """
    split = ClipSplit()
    held = {*split.val, *split.test, *split.acrobatic}
    clips = [clip for clip in open_motion() if part == "all" or (clip.name in held) == (part == "held out")]
    vectors = torch.cat([torch.from_numpy(clip.poses) for clip in clips])
    name = "motion clips" if part == "all" else f"motion clips, {part}"
    return Poses(name, roma.rotvec_to_rotmat(vectors), tuple(len(clip) for clip in clips))


def with_moving_endpoints(poses: Poses, seed: int, extremities_deg: float = 15.0, head_deg: float = 10.0) -> Poses:
    """The same poses with normally distributed turns of wrists and ankles, and of the head; degrees in total.

    Args:
        poses: The poses.
        seed: Of the random numbers.
        extremities_deg: Standard deviation of the turns of wrists and ankles, degrees.
        head_deg: Of those of the head, degrees.
    """
    generator = torch.Generator().manual_seed(seed)
    rotations = poses.rotations.clone()
    for joint in EXTREMITIES:
        spread = np.deg2rad(head_deg if joint == "head" else extremities_deg) / 3**0.5
        turn = spread * torch.randn(len(rotations), 3, generator=generator)
        rotations[:, SMPL24.index(joint)] = roma.rotvec_to_rotmat(turn)
    return Poses(f"{poses.name}, endpoints moving", rotations, poses.lengths)


def with_noise(joints: Tensor, sigma: float, seed: int) -> Tensor:
    """Joints with isotropic Gaussian noise on every coordinate.

    Args:
        joints: (B, J, 3) metres.
        sigma: Standard deviation, metres.
        seed: Of the random numbers.

    Returns:
        (B, J, 3) metres.
    """
    noise = torch.randn(joints.shape, generator=torch.Generator().manual_seed(seed))
    return joints + sigma * noise


def lifter_noise(joints: Tensor, seed: int) -> Tensor:
    """s2m27 joints with 12 / 12 / 45 mm of noise on the 17 joints and 8 / 8 / 25 mm relative to them on the others."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(len(joints), len(H36M17), 3, generator=generator) * torch.tensor([0.012, 0.012, 0.045])
    own = torch.randn(len(joints), len(S2M27) - len(H36M17), 3, generator=generator)
    parents = [S2M27.parents[joint] for joint in range(len(H36M17), len(S2M27))]
    return joints + torch.cat([common, common[:, parents] + own * torch.tensor([0.008, 0.008, 0.025])], 1)


@dataclass(frozen=True)
class Errors:
    """Mean errors of a solver. Angles in radians, lengths in millimetres.

    Attributes:
        local_ten: The ten local rotations.
        global_nine: 3dpw-eval's nine parts.
        global_nine_aligned: The same after Procrustes.
        endpoints: Local rotations of head, wrists, ankles.
        joints_mm: Joint position error relative to the root joint.
    """

    local_ten: float
    global_nine: float
    global_nine_aligned: float
    endpoints: float
    joints_mm: float


def errors(solver: IKSolver, joints: Tensor, truth: Tensor, skinned: SkinnedJoints) -> tuple[Errors, Tensor]:
    """Solve (in batches of 1024) and compare; also returns the rotations.

    Args:
        solver: The solver.
        joints: (B, J, 3) metres.
        truth: (B, 24, 3, 3).
        skinned: Gives the joints of posed bodies.
    """
    with torch.no_grad():
        found = torch.cat([solver(chunk).rotations for chunk in torch.split(joints, 1024)])
    return compare(found, truth, skinned), found


def compare(found: Tensor, truth: Tensor, skinned: SkinnedJoints) -> Errors:
    """Errors of rotations.

    Args:
        found: (B, 24, 3, 3) solved.
        truth: (B, 24, 3, 3).
        skinned: Gives the joints of posed bodies.
    """
    angle = geodesic_angle(found, truth)
    body_found, body_true = (forward_kinematics(r, skinned.rest)[1] for r in (found, truth))
    _, turn = similarity_align(body_found, body_true)
    clean, again = skinned(truth), skinned(found)
    root = skinned.rest.joint_set.root_index
    distance = (again - again[:, root, None] - clean + clean[:, root, None]).norm(dim=-1)
    return Errors(
        local_ten=float(angle[:, SMPL24.indices(LOCAL_PARTS)].mean()),
        global_nine=float(global_angle_error(found, truth).mean()),
        global_nine_aligned=float(global_angle_error(found, truth, turn).mean()),
        endpoints=float(angle[:, SMPL24.indices(EXTREMITIES)].mean()),
        joints_mm=float(distance.mean()) * 1000,
    )


def vertex_errors(body: Body, found: Tensor, truth: Tensor) -> Tensor:
    """Mean vertex distance of mean-shape bodies, pelvis joints on each other.

    Args:
        body: A body in SMPL format.
        found: (B, 24, 3, 3) solved.
        truth: (B, 24, 3, 3).

    Returns:
        (B,) metres.
    """
    out = []
    with torch.no_grad():
        for a, b in zip(torch.split(found, _CHUNK), torch.split(truth, _CHUNK), strict=True):
            shape = torch.zeros(len(a), body.num_betas)
            first, second = (body(BodyParams.from_rotations(r, shape)) for r in (a, b))
            difference = first.vertices - first.joints[:, :1] - second.vertices + second.joints[:, :1]
            out.append(difference.norm(dim=-1).mean(1))
    return torch.cat(out)

"""How steady DIK is: between the frames of a clip (the paper's section 4.5), and near straight limbs."""

from __future__ import annotations

import math

import roma
import torch
from torch import Tensor

from s2m.ik.baselines.rigid import forward_kinematics
from s2m.ik.interface import IKSolver
from s2m.ik.solver import DIK
from s2m.ik.units import TEN
from s2m.metrics.rotations import geodesic_angle
from s2m.skeletons import H36M17, SMPL24
from studies.ik.evaluation import SkinnedJoints, motion_poses, random_poses

SEED = 202


def stability(source: SkinnedJoints) -> dict[str, float]:
    """Section 4.5 of the paper: the largest movement of the right elbow between frames, true and recovered; and the
    largest change of any rotation between consecutive frames beyond the truth's.

    Args:
        source: Gives the joints of posed bodies.
    """
    poses = motion_poses()
    found = DIK(source.rest)(source(poses.rotations)).rotations
    elbow = H36M17.index("right_elbow")
    moves: dict[str, float] = {"elbow_true_m": 0.0, "elbow_found_m": 0.0, "jump_beyond_truth_rad": 0.0}
    for part in poses.clips():
        for name, rotations in (("elbow_true_m", poses.rotations[part]), ("elbow_found_m", found[part])):
            track = source(rotations)[:, elbow]
            moves[name] = max(moves[name], float((track[1:] - track[:-1]).norm(dim=-1).max()))
        jumps = [geodesic_angle(r[part][1:], r[part][:-1]) for r in (found, poses.rotations)]
        moves["jump_beyond_truth_rad"] = max(moves["jump_beyond_truth_rad"], float((jumps[0] - jumps[1]).max()))
    return moves


def straight_gains(source: SkinnedJoints, count: int = 200) -> dict[str, dict[str, float]]:
    """Worst gains near straight limbs: for each kind of limb, when its last or its middle joint moves, and the
    paper's frames' for comparison.

    Args:
        source: Gives the joints of posed bodies.
        count: Number of poses.
    """
    rotations = random_poses(count, SEED).rotations
    cases = {
        "the body's own limb straight": straightened(source, rotations, body=True),
        "keypoints on a line": straightened(source, rotations, body=False),
        **{f"bent by {d:g} degrees": source(bent(rotations, d)) for d in (-8.0, -4.0, 0.5, 2.0, 4.0, 8.0)},
    }
    solver, paper = DIK(source.rest), DIK(source.rest, "paper")
    found: dict[str, dict[str, float]] = {}
    for name, joints in cases.items():
        found[name] = {part: worst_gain(solver, joints, part) for part in ("wrist", "ankle", "elbow", "knee")}
        found[name]["paper"] = max(worst_gain(paper, joints, part) for part in ("wrist", "ankle"))
    return found


def bent(rotations: Tensor, degrees: float) -> Tensor:
    """The same poses with elbows and knees bent by ``degrees`` about their hinge axes; negative: the wrong way.

    Args:
        rotations: (B, 24, 3, 3) local.
        degrees: By how much; negative: the wrong way.
    """
    rotations = rotations.clone()
    for unit in TEN:
        if unit.rule == "hinge" and unit.hinge is not None:
            axis = torch.tensor(unit.hinge) * math.radians(degrees)
            rotations[:, SMPL24.index(unit.name)] = roma.rotvec_to_rotmat(axis)
    return rotations


def straightened(source: SkinnedJoints, rotations: Tensor, body: bool) -> Tensor:
    """Joints (B, J, 3) of poses with elbows and knees unbent: on a line with the point about which the body's own
    limb turns (what DIK sees), or with the keypoint there (what the paper's frames see).

    Args:
        source: Gives the joints of posed bodies.
        rotations: (B, 24, 3, 3) local.
        body: Whether the limb turns about the body's own joint, or about the keypoint.
    """
    joints, places = source(rotations), forward_kinematics(rotations, source.rest)[1]
    for near, middle, far in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        for side in ("left", "right"):
            a, b, c = (H36M17.index(f"{side}_{part}") for part in (near, middle, far))
            start = places[:, SMPL24.index(f"{side}_{near}")] if body else joints[:, a]
            along = joints[:, b] - start
            reach = (joints[:, c] - joints[:, b]).norm(dim=-1, keepdim=True)
            joints[:, c] = joints[:, b] + along / along.norm(dim=-1, keepdim=True) * reach
    return joints


def worst_gain(solver: IKSolver, joints: Tensor, part: str) -> float:
    """Largest change of any rotation, in radians for a metre, when the left or right ``part`` moves by 0.1 to 1 mm.

    Args:
        solver: The solver.
        joints: (B, J, 3) metres.
        part: Of a limb, without its side.
    """
    generator = torch.Generator().manual_seed(SEED)
    double = solver.double()
    joints = joints.double()
    root = double(joints).rotations[:, 0]
    before, worst = double(joints, root=root).rotations, 0.0
    for size in (1e-4, 1e-3):
        for joint in (f"left_{part}", f"right_{part}"):
            push = torch.randn(len(joints), 3, generator=generator, dtype=joints.dtype)
            moved = joints.clone()
            moved[:, H36M17.index(joint)] += size * push / push.norm(dim=-1, keepdim=True)
            change = geodesic_angle(double(moved, root=root).rotations, before)
            worst = max(worst, float(change.max()) / size)
    return worst

"""From lifted skeletons to SMPL rotations in the world of motion files."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from s2m.arrays import as_tensor
from s2m.batch import BodyParams, concatenate
from s2m.body import load_body
from s2m.errors import UserError
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.solution import Solution, solve_with
from s2m.ik.solver import DIK
from s2m.lifter.lifting import Lift

# Metres; what DIK is told of a lifted skeleton's joints, here and in configs/*.yaml: the best of
# 0, 15, 30, 45 and 60 mm on the validation split.
NOISE = 0.015
_CHUNK = 8192


def world(joints3d: Tensor) -> Tensor:
    """Camera frame to the world of AMASS, for a camera that stands level.

    Args:
        joints3d: (..., 3) camera frame: +x right, +y down, +z forward; any unit.

    Returns:
        (..., 3) same unit, +z up.
    """
    x, y, z = joints3d.unbind(-1)
    return torch.stack([x, z, -y], -1)


def solve_motion(lifted: Lift, noise: float, body_file: Path | None = None) -> Solution:
    """SMPL rotations of lifted skeletons, root-relative as they are, in AMASS's world.

    Args:
        lifted: Skeletons in metres, camera frame.
        noise: Standard deviation of the lifted joints, metres; most of it lies along the depth.
        body_file: An official SMPL file; the open body if not given.

    Returns:
        The rotations, of every frame; those that were not lifted stay at rest.

    Raises:
        UserError: When the body cannot be read or does not fit the joint set.
    """
    try:
        body = load_body(body_file)
        solver = DIK(rest_skeleton(body, lifted.joint_set), noise=noise)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(str(error.args[0] if error.args else error)) from error
    with torch.inference_mode():
        chunks = world(as_tensor(lifted.joints3d)).split(_CHUNK)
        parts = [solve_with(solver, chunk, None) for chunk in chunks]
    params: BodyParams = concatenate([part.params for part in parts])
    return Solution(params, torch.cat([part.solved for part in parts]))

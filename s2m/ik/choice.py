"""Which solver a clip gets, and which rest skeleton it is calibrated to."""

from __future__ import annotations

from torch import Tensor

from s2m.ik.follow import FollowingDIK
from s2m.ik.interface import IKSolver
from s2m.ik.own_skeleton import BODY_JOINTS, own_skeleton
from s2m.ik.rest import RestSkeleton
from s2m.ik.solver import DIK
from s2m.skeletons import is_smpl


def solver_for(clip: Tensor, rest: RestSkeleton, noise: float) -> tuple[IKSolver, tuple[str, ...]]:
    """The solver of a clip.

    SMPL's own joints, free of noise, tell every bone: a solver follows them all. Others go to DIK.

    Args:
        clip: (T, J, 3) metres, frames that stand for all; NaN where missing.
        rest: The rest skeleton of the body that is posed, for the clip's joint set.
        noise: Standard deviation of the joints, metres.

    Returns:
        The solver, and what the user should know of its rest skeleton.
    """
    joint_set = rest.joint_set
    own = own_skeleton(clip, joint_set, rest)
    notes: tuple[str, ...] = ()
    if own is not None:
        rest = own.rest
        notes = (
            f"these are SMPL's own joints, of another skeleton than the body's: calibrated to {own.name} rest pose and "
            "the clip's own bone lengths; the body has other proportions, and its joints lie elsewhere by as much",
        )
    follows = noise == 0 and is_smpl(joint_set) and set(joint_set.joints) >= BODY_JOINTS
    return (FollowingDIK(rest) if follows else DIK(rest, noise=noise)), notes

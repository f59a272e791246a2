"""Inverse kinematics: 3D joints in, rotations of a body in SMPL format out.

:class:`DIK` is the paper's analytic solver (section 3.2), :class:`LearnedIK` its learned alternative. All solvers are
:class:`IKSolver`: calibrated to a :class:`RestSkeleton`, given joints (B, J, 3) in metres, and answering with an
:class:`~s2m.batch.IKOutput`. :func:`solve` is the one call from joints to SMPL parameters.
"""

from typing import TYPE_CHECKING, Any

from s2m.ik.interface import IKSolver
from s2m.ik.learned import LearnedIK
from s2m.ik.rest import RestSkeleton
from s2m.ik.solver import DIK

if TYPE_CHECKING:
    from s2m.ik.api import Solution, solve

__all__ = ["DIK", "IKSolver", "LearnedIK", "RestSkeleton", "Solution", "solve"]


def __getattr__(name: str) -> Any:
    # The call needs a body and with it smplx; the solvers do not.
    if name in ("Solution", "solve"):
        from s2m.ik import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

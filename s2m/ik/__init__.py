"""Inverse kinematics: 3D joints in, rotations of a body in SMPL format out.

:class:`DIK` is the paper's analytic solver (section 3.2), :class:`LearnedIK` its learned alternative. All solvers are
:class:`IKSolver`: calibrated to a :class:`RestSkeleton`, given joints (B, J, 3) in metres, and answering with an
:class:`~s2m.batch.IKOutput`. :func:`solve` is the one call from joints to SMPL parameters.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2m.ik.api import Solution, solve
    from s2m.ik.interface import IKSolver
    from s2m.ik.learned import LearnedIK
    from s2m.ik.rest import RestSkeleton
    from s2m.ik.solver import DIK

__all__ = ["DIK", "IKSolver", "LearnedIK", "RestSkeleton", "Solution", "solve"]

# Loaded when first used: the command's help should not wait for torch, nor the solvers for a body.
_HOMES = {
    "DIK": "solver",
    "IKSolver": "interface",
    "LearnedIK": "learned",
    "RestSkeleton": "rest",
    "Solution": "api",
    "solve": "api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

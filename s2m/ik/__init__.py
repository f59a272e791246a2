"""Inverse kinematics: 3D joints in, rotations of a body in SMPL format out.

:class:`DIK` is the paper's analytic solver (section 3.2), :class:`LearnedIK` its learned alternative. All solvers are
:class:`IKSolver`: calibrated to a :class:`RestSkeleton`, given joints (B, J, 3) in metres, and answering with an
:class:`~s2m.batch.IKOutput`.
"""

from s2m.ik.interface import IKSolver
from s2m.ik.learned import LearnedIK
from s2m.ik.rest import RestSkeleton
from s2m.ik.solver import DIK

__all__ = ["DIK", "IKSolver", "LearnedIK", "RestSkeleton"]

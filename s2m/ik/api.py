"""One call from 3D joints to SMPL parameters."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

from s2m.arrays import Array
from s2m.body import Body
from s2m.ik.checks import Clip, warnings_of
from s2m.ik.interface import IKSolver
from s2m.ik.solution import Solution, solve_with
from s2m.ik.streaming import Solver, checked_betas, checked_joints, in_kind, moved_back, say
from s2m.skeletons import JointSet, get_joint_set

__all__ = ["Solution", "solve"]

_KEPT = 16  # calibrated solvers, a megabyte each


class _Recent:
    """The solvers used last; any thread may ask."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._solvers: OrderedDict[Hashable, Solver] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Solver]) -> Solver:
        with self._lock:
            if key in self._solvers:
                self._solvers.move_to_end(key)
                return self._solvers[key]
        made = make()
        with self._lock:
            kept = self._solvers.setdefault(key, made)
            while len(self._solvers) > self._size:
                self._solvers.popitem(last=False)
            return kept


_RECENT = _Recent(_KEPT)


def solve(
    joints: Array,
    joint_set: str | JointSet = "h36m17",
    body: Body | None = None,
    *,
    betas: Array | None = None,
    confidence: Array | None = None,
    noise: float = 0.0,
    up: str | None = None,
    solver: IKSolver | None = None,
) -> Solution:
    """SMPL parameters of 3D joints; no training, no GPU, no licence.

    Arrays may be NumPy or torch, of any precision, on any device. The calibrated solver of the last few combinations
    of body, joint set, betas and noise is kept, so that a single frame takes less than a millisecond from the third
    call on (at the second one the formulas are written out for single frames; see :class:`s2m.Solver`).

    Args:
        joints: (B, J, 3) or (J, 3) metres, any right-handed frame; a joint that is not finite, exactly (0, 0, 0) or
            (-1, -1, -1) counts as missing (:mod:`s2m.missing`; the root of root-relative joints does not).
        joint_set: Its name or the set itself (:func:`s2m.skeletons.read_joint_set` reads your own).
        body: The body to pose; the shipped open one by default.
        betas: (10,) or (1, 10) shape of the person; the mean by default.
        confidence: (B, J) or (J,) in [0, 1]; 0 is missing.
        noise: Standard deviation of the joints in metres, 0 to 0.5 (0.015 for lifted ones).
        up: ``y``, ``z``, ``y-down`` or ``z-down``, the axis that points up; only used to warn of people upside down.
        solver: Another solver than DIK, calibrated to the joint set.

    Returns:
        The parameters in the frame of the joints, float32; NumPy or torch and on the device like ``joints``. The
        place is float64 for float64 joints more than 100 m from the origin (UTM coordinates, say).

    Raises:
        ArgumentError: When an argument has the wrong shape or unit.
        KeyError: When the joint set lacks a part that the solver needs.

    Warns:
        S2MWarning: When the unit looks wrong, the person upside down or mirrored, or joints are missing.

    Example:
        >>> import numpy as np
        >>> from s2m import Solver, solve
        >>> rest = Solver("h36m17").rest_joints.numpy()
        >>> solution = solve(np.stack([rest, rest + [0, 0, 1]]))
        >>> solution.params.rotations.shape, solution.params.transl.shape
        ((2, 24, 3, 3), (2, 3))
        >>> (solution.params.transl[1].round(2) + 0.0).tolist()
        [0.0, 0.0, 1.0]
    """
    joint_set = get_joint_set(joint_set) if isinstance(joint_set, str) else joint_set
    if solver is not None:
        return _by_another(solver, joints, joint_set, betas, confidence, up)
    wanted = None if betas is None else checked_betas(betas)
    key = (_body_key(body), joint_set.name, joint_set.joints, _numbers(wanted), float(noise), up)
    calibrated = _RECENT.get(key, lambda: Solver(joint_set, body, betas=_plain(wanted), noise=noise, up=up))
    return calibrated.run(joints, confidence, wanted if wanted is not None and wanted.requires_grad else None, 3)


def _by_another(
    solver: IKSolver,
    joints: Array,
    joint_set: JointSet,
    betas: Array | None,
    confidence: Array | None,
    up: str | None,
) -> Solution:
    points, certain, centre = checked_joints(joints, confidence, joint_set)
    say(warnings_of(Clip(points, joint_set, solver.rest, confidence=certain, up=up)), 3)
    return in_kind(moved_back(solve_with(solver, points, checked_betas(betas), certain), centre), joints)


def _body_key(body: Body | None) -> Hashable:
    return None if body is None else (body.hash, body.v_template.dtype)


def _numbers(betas: Tensor | None) -> Hashable:
    return None if betas is None else tuple(betas.detach().flatten().tolist())


def _plain(betas: Tensor | None) -> Tensor | None:
    return None if betas is None else betas.detach().cpu()

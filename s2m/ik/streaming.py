"""A solver that is calibrated once and then takes one frame, or a batch, at a time."""

from __future__ import annotations

import copy
import math
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2m.arrays import Array, as_tensor, back_to
from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.errors import ArgumentError, S2MWarning
from s2m.fused.scalars import scalar_function
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.checks import Clip, warnings_of
from s2m.ik.solution import Solution, anchor_offsets, solve_with
from s2m.ik.solver import DIK
from s2m.missing import mask_missing
from s2m.skeletons import SMPL24, JointSet, get_joint_set

LARGEST_NOISE = 0.5  # metres
_FAR = 100.0  # metres: closer to the origin float32 tells a hundredth of a millimetre
_MARKS = ((0.0, 0.0, 0.0), (-1.0, -1.0, -1.0))  # of joints that were not seen
_ROTATIONS = 9 * len(SMPL24)

_Frame = Callable[[Sequence[float]], tuple[float, ...]]


class Solver:
    """SMPL parameters of skeletons as they come, for example from a camera: calibrated once, any thread may call it.

    A single frame takes well under a millisecond: at the second one the solver's formulas are written out for plain
    Python numbers, which takes a second or two; :meth:`prepare` does it ahead. The results are those of
    :func:`s2m.solve` (to float32's rounding); a frame with missing joints, with confidences, or of which a gradient
    is wanted takes the way of batches, some milliseconds.

    Args:
        joint_set: Its name, or the set itself.
        body: The body to pose; the shipped open one by default.
        betas: (10,) or (1, 10) shape of the person; the mean by default.
        noise: Standard deviation of the joints in metres, 0 to 0.5 (0.015 for lifted ones).
        up: ``y``, ``z``, ``y-down`` or ``z-down``, the axis that points up in the joints' frame; only used to warn of
            people upside down. ``None``: nothing is known about it.

    Raises:
        ArgumentError: When an argument has the wrong shape or unit.
        KeyError: When the joint set lacks a part that the solver needs.

    Example:
        >>> import numpy as np
        >>> from s2m import Solver
        >>> solver = Solver("h36m17", noise=0.015)
        >>> frame = solver.rest_joints.numpy()  # (17, 3) metres; here, a person at rest
        >>> solution = solver(frame)
        >>> solution.axis_angle.shape
        (1, 72)
        >>> bool(np.abs(solution.axis_angle).max() < 0.05)
        True
    """

    def __init__(
        self,
        joint_set: str | JointSet = "h36m17",
        body: Body | None = None,
        *,
        betas: Array | None = None,
        noise: float = 0.0,
        up: str | None = None,
    ) -> None:
        self.joint_set = get_joint_set(joint_set) if isinstance(joint_set, str) else joint_set
        self.noise, self.up = check_noise(noise), up
        self._betas = checked_betas(betas)
        shape = None if self._betas is None else self._betas.detach().cpu()
        self._dik = DIK(rest_skeleton(load_body() if body is None else body, self.joint_set, shape), noise=noise)
        self._dik = self._dik.cpu()
        self._solved = self._dik(self._dik.rest_joints[None]).solved[0].numpy()
        self._shape = np.zeros((1, 10), np.float32) if shape is None else shape.numpy()
        self._elsewhere: dict[torch.device, DIK] = {}
        self._frame: _Frame | None = None
        self._frames_seen = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Solver({self.joint_set.name!r}, noise={self.noise})"

    @property
    def rest_joints(self) -> Tensor:
        """(J, 3) the joints of the person at rest: metres, body frame (+x left, +y up, +z to the front)."""
        return self._dik.rest_joints.clone()

    def __call__(self, joints: Array, confidence: Array | None = None) -> Solution:
        """Solve one frame or a batch.

        Args:
            joints: (J, 3) or (B, J, 3) metres, any right-handed frame, NumPy or torch on any device; a joint that is
                not finite counts as missing.
            confidence: (J,) or (B, J) in [0, 1]; 0 is missing.

        Returns:
            The parameters of B skeletons (of 1 for a single frame), float32, NumPy or torch like ``joints``; the place
            is float64 for float64 joints more than 100 m from the origin.

        Raises:
            ArgumentError: When a shape does not fit the joint set.

        Warns:
            S2MWarning: For what looks wrong (see :mod:`s2m.ik.checks`): of a batch always, of single frames for the
                first one alone.
        """
        return self.run(joints, confidence, stacklevel=3)

    def run(
        self, joints: Array, confidence: Array | None = None, betas: Tensor | None = None, stacklevel: int = 2
    ) -> Solution:
        """Like calling the solver.

        Args:
            joints: See :meth:`__call__`.
            confidence: See :meth:`__call__`.
            betas: (1, 10) the same shape, as a tensor whose gradient is wanted.
            stacklevel: Which caller a warning names.

        Returns:
            See :meth:`__call__`.
        """
        if self._frames_seen and confidence is None and betas is None:
            found = self._one(joints)
            if found is not None:
                return found
        points, certain, centre = checked_joints(joints, confidence, self.joint_set)
        if len(points) > 1 or not self._frames_seen:
            self._warn(points, certain, stacklevel + 1)
        self._frames_seen += len(points) == 1
        found = solve_with(self._on(points.device), points, self._betas if betas is None else betas, certain)
        return in_kind(moved_back(found, centre), joints)

    def prepare(self) -> Solver:
        """Do ahead what the second single frame would wait for.

        Returns:
            The solver itself.
        """
        with self._lock:
            if self._frame is None:
                self._frame = _written_out(self._dik)
        return self

    def _one(self, joints: Any) -> Solution | None:
        """A single complete frame, by plain numbers; ``None`` for everything else."""
        count, tensor = len(self.joint_set), isinstance(joints, Tensor)
        if not (tensor or isinstance(joints, np.ndarray)) or tuple(joints.shape[-2:]) != (count, 3):
            return None
        if joints.ndim != 2 and not (joints.ndim == 3 and len(joints) == 1):
            return None
        if tensor and joints.requires_grad and torch.is_grad_enabled():
            return None
        numbers = joints.reshape(-1).tolist()
        if not math.isfinite(sum(numbers)) or not self._plain(numbers):
            return None
        if self._frame is None:
            self.prepare()
        assert self._frame is not None
        try:
            values = np.array(self._frame(numbers), np.float32)
        except (ArithmeticError, ValueError):  # coincident joints: the solver's own arithmetic says what to make of it
            return None
        rotations = values[:_ROTATIONS].reshape(1, len(SMPL24), 3, 3)
        parts = [rotations, self._shape.copy(), values[_ROTATIONS:].reshape(1, 3), self._solved[None].copy()]
        if tensor:
            parts = [torch.from_numpy(part).to(joints.device) for part in parts]
        turns, shape, place, solved = parts
        return Solution(BodyParams.from_rotations(turns, shape, place), solved)

    def _plain(self, numbers: list[float]) -> bool:
        """Whether there is nothing to mask and nothing to centre, or only the zeros of root-relative coordinates."""
        axes = [numbers[axis::3] for axis in range(3)]
        if max(map(max, axes)) > _FAR or min(map(min, axes)) < -_FAR:
            return False
        odd = [joint for joint, xyz in enumerate(zip(*axes, strict=True)) if xyz in _MARKS]
        if odd and odd != [self.joint_set.root_index]:
            return False
        return not odd or (numbers[3 * odd[0]] == 0 and all(min(axis) <= 0 <= max(axis) for axis in axes))

    def _on(self, device: torch.device) -> DIK:
        if device == self._dik.rest_joints.device:
            return self._dik
        with self._lock:
            if device not in self._elsewhere:
                self._elsewhere[device] = copy.deepcopy(self._dik).to(device)
            return self._elsewhere[device]

    def _warn(self, points: Tensor, confidence: Tensor | None, stacklevel: int) -> None:
        clip = Clip(points, self.joint_set, self._on(points.device).rest, confidence=confidence, up=self.up)
        say(warnings_of(clip), stacklevel)


def _written_out(solver: DIK) -> _Frame:
    """Rotations and place of one complete skeleton as a function of plain numbers, traced from the solver itself."""
    from s2m.fused.tracing import trace  # loads torch's tracer, which nothing else needs

    def parameters(joints: Tensor) -> Tensor:
        rotations = solver.solve_complete(joints).rotations
        offsets = anchor_offsets(rotations[:, 0], joints, solver)
        return torch.cat([rotations.flatten(1), offsets.sum(1) / offsets.shape[1]], 1)

    with torch.no_grad():
        graph, outputs = trace(parameters, solver.rest_joints[None])
    return scalar_function(graph, outputs.flatten().tolist())


def say(messages: Sequence[str], stacklevel: int) -> None:
    """Warn of each message, in the name of a caller.

    Args:
        messages: One warning each.
        stacklevel: Which caller, as :func:`warnings.warn` counts: 1 is the one that calls this function.
    """
    for message in messages:
        warnings.warn(message, S2MWarning, stacklevel=stacklevel + 1)


def in_kind(found: Solution, given: Array) -> Solution:
    """The same solution in the kind of array, and on the device, of what was given.

    Args:
        found: The solution, as tensors.
        given: Any array of the kind and on the device that is wanted.

    Returns:
        The solution as NumPy or torch, like ``given``.
    """
    back = back_to(given)
    params = found.params
    turned = BodyParams(*(back(value) for value in params.tensors()))
    return Solution(turned, back(found.solved))


def checked_joints(
    joints: Array, confidence: Array | None, joint_set: JointSet
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Joints as a solver takes them: what was not seen is NaN.

    Args:
        joints: (B, J, 3) or (J, 3) of any precision.
        confidence: (B, J) or (J,).
        joint_set: Names of the joints.

    Returns:
        Joints (B, J, 3) and confidences (B, J) or ``None``, float32 on one device; and, where coordinates are too
        large for float32 to tell millimetres, the places (B, 1, 3), float64, that were taken off.

    Raises:
        ArgumentError: For other shapes.
    """
    given = joints if isinstance(joints, Tensor) else torch.from_numpy(np.array(joints, ndmin=2))
    given = given[None] if given.ndim == 2 else given
    count = len(joint_set)
    if given.ndim != 3 or tuple(given.shape[1:]) != (count, 3):
        raise ArgumentError(
            f"joints for the joint set {joint_set.name}: expected shape (B, {count}, 3), found {tuple(given.shape)}"
        )
    certain = None if confidence is None else as_tensor(confidence).to(given.device)
    certain = certain[None] if certain is not None and certain.ndim == 1 else certain
    if certain is not None and certain.shape != given.shape[:2]:
        raise ArgumentError(f"confidence: expected shape {tuple(given.shape[:2])}, found {tuple(certain.shape)}")
    numbers = given.detach().cpu().double().numpy()
    sure = None if certain is None else certain.detach().cpu().numpy()
    _, sure = mask_missing(numbers, sure, joint_set.root_index)
    seen = torch.from_numpy(sure > 0).to(given.device)
    given = torch.where(seen[..., None], given, torch.nan)
    if certain is not None:
        certain = torch.where(seen, certain, torch.zeros_like(certain))
    centre = _centre(given)
    return (given if centre is None else given - centre).to(torch.float32), certain, centre


def moved_back(found: Solution, centre: Tensor | None) -> Solution:
    """A solution at the place that was taken off its joints.

    Args:
        found: The solution.
        centre: (B, 1, 3) float64; ``None`` where nothing was taken off.

    Returns:
        The solution; its ``transl`` is float64 where something was taken off.
    """
    if centre is None or found.params.transl is None:
        return found
    placed = found.params.transl.double() + centre[:, 0]
    return Solution(replace(found.params, transl=placed), found.solved)


def _centre(points: Tensor) -> Tensor | None:
    """(B, 1, 3) whole metres near the middle of each skeleton; ``None`` where all are near the origin."""
    if points.dtype != torch.float64:
        return None
    middle = torch.nan_to_num(points.detach().nanmean(1, keepdim=True)).round()
    return middle if bool((middle.abs() > _FAR).any()) else None


def checked_betas(betas: Array | None) -> Tensor | None:
    """Betas of one person as a tensor.

    Args:
        betas: (10,) or (1, 10), or ``None``.

    Returns:
        (1, 10) float32; ``None`` for ``None``.

    Raises:
        ArgumentError: For another shape.
    """
    if betas is None:
        return None
    shape = as_tensor(betas)
    shape = shape[None] if shape.ndim == 1 else shape
    if shape.ndim != 2 or shape.shape[0] != 1 or shape.shape[1] != 10:
        raise ArgumentError(f"betas: expected (10,) or (1, 10), found {tuple(shape.shape)}")
    return shape


def check_noise(noise: float) -> float:
    """The noise, if it can be meant.

    Args:
        noise: Standard deviation of the joints, metres.

    Returns:
        The same.

    Raises:
        ArgumentError: Unless it lies between 0 and ``LARGEST_NOISE`` (it may be in millimetres, say).
    """
    if not 0 <= noise <= LARGEST_NOISE:
        raise ArgumentError(f"noise: expected metres between 0 and {LARGEST_NOISE}, found {noise}")
    return noise

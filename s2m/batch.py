"""What travels between the parts of the system.

Two kinds of data never mix: an :class:`Observation` is what a detector gives and what training may use,
a :class:`Truth` is for evaluation only. Both are frozen; a missing field is ``None``, never zeros.

Units and frames: metres and radians; the camera frame is +x right, +y down, +z forward. 2D points live in
the square crop, whose visible part is [-1, 1] x [-1, 1] with +x right and +y down ("crop units": half the
crop's side).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from s2m.arrays import short_repr

T = TypeVar("T", bound="TensorRecord")


@dataclass(frozen=True, repr=False)
class TensorRecord:
    """A frozen record of tensors (or nested records, or ``None``) with one batch dimension in front.

    Example:
        >>> BodyParams(torch.eye(3)[None], torch.eye(3).expand(1, 23, 3, 3), torch.zeros(1, 10))
        BodyParams(global_orient=float32 (1, 3, 3), body_pose=float32 (1, 23, 3, 3), betas=float32 (1, 10), transl=None)
    """

    def __init_subclass__(cls, **options: Any) -> None:
        # dataclass writes a __repr__ that prints arrays, unless the class has one already.
        super().__init_subclass__(**options)
        cls.__repr__ = TensorRecord.__repr__  # type: ignore[method-assign]

    __repr__ = short_repr

    def _apply(self: T, function: Callable[[Tensor], Tensor]) -> T:
        def convert(value: Any) -> Any:
            if isinstance(value, Tensor):
                return function(value)
            return value._apply(function) if isinstance(value, TensorRecord) else value

        return type(self)(**{f.name: convert(getattr(self, f.name)) for f in fields(self)})

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Like :meth:`torch.Tensor.to`, for every field (Lightning moves batches with it).

        Args:
            *args: Positional arguments of :meth:`torch.Tensor.to`: a device, a dtype or a tensor like which the fields
                become.
            **kwargs: Its keyword arguments.

        Returns:
            A new record; this one stays as it is.
        """
        return self._apply(lambda tensor: tensor.to(*args, **kwargs))

    def double(self: T) -> T:
        """The same record with its real numbers in float64; integers stay as they are."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def detach(self: T) -> T:
        """The same record, cut from the graph."""
        return self._apply(lambda tensor: tensor.detach())

    def tensors(self) -> tuple[Any, ...]:
        """The fields in their order."""
        return tuple(getattr(self, f.name) for f in fields(self))

    def __getitem__(self: T, index: Any) -> T:
        """Index every field along the batch."""
        return self._apply(lambda tensor: tensor[index])

    def rows(self: T, numbers: Tensor) -> T:
        """The samples of these numbers (N,), as indexing gives them, but copied whole: some times as fast.

        Args:
            numbers: (N,) positions in the batch, int64, on the record's device.
        """
        return self._apply(lambda tensor: tensor.index_select(0, numbers))

    def __len__(self) -> int:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is not None:
                return len(value)
        return 0


def concatenate(records: list[T]) -> T:
    """Join records along the batch. A field must be present in all of them or in none.

    Args:
        records: One or more records of one class.

    Raises:
        ValueError: When a field is present in some records only.
    """
    first = records[0]
    joined: dict[str, Any] = {}
    for f in fields(first):
        values = [getattr(record, f.name) for record in records]
        missing = [value is None for value in values]
        if all(missing):
            joined[f.name] = None
        elif any(missing):
            raise ValueError(f"{type(first).__name__}.{f.name} is missing in {sum(missing)} of {len(values)} records")
        elif isinstance(values[0], TensorRecord):
            joined[f.name] = concatenate(values)
        else:
            joined[f.name] = torch.cat(values)
    return type(first)(**joined)


@dataclass(frozen=True, repr=False)
class Observation(TensorRecord):
    """What may be used to train: the output of a 2D detector and of a person segmenter.

    Attributes:
        joints2d: (B, J, 2) in crop units, +y down. Where ``confidence`` is 0 the value means nothing (but is finite).
        confidence: (B, J) in [0, 1]; 0 says that the joint is missing.
        silhouette: (B, S, S) in {0, 1}, float; row 0 is the top of the crop. ``None`` without a segmenter.
        crop: (B, 3) centre x, centre y and half side of the square crop, in pixels of the full image.
        index: (B,) row in the frame store, to name a frame in messages and pictures.
        camera: (B, 4) focal lengths x, y and principal point x, y, crop units; ``None`` where the camera is not known.
    """

    joints2d: Tensor
    confidence: Tensor
    silhouette: Tensor | None = None
    crop: Tensor | None = None
    index: Tensor | None = None
    camera: Tensor | None = None


@dataclass(frozen=True, repr=False)
class BodyParams(TensorRecord):
    """Parameters of a body in SMPL format (paper section 3.1), as rotation matrices on column vectors.

    Attributes:
        global_orient: (B, 3, 3) rotates the body frame into the camera frame.
        body_pose: (B, 23, 3, 3) rotation of each joint relative to its parent.
        betas: (B, 10) shape coefficients, in standard deviations.
        transl: (B, 3) in metres, camera frame; ``None`` means zero.
    """

    global_orient: Tensor
    body_pose: Tensor
    betas: Tensor
    transl: Tensor | None = None

    @property
    def rotations(self) -> Tensor:
        """(B, 24, 3, 3): the root and the 23 local rotations in SMPL's order."""
        parts: list[Any] = [self.global_orient[:, None], self.body_pose]
        if isinstance(self.body_pose, np.ndarray):  # of a solution for somebody who works with NumPy
            joined: Any = np.concatenate(parts, axis=1)
            return joined
        return torch.cat(parts, dim=1)

    @staticmethod
    def from_rotations(rotations: Tensor, betas: Tensor, transl: Tensor | None = None) -> BodyParams:
        """Split (B, 24, 3, 3) rotations into root and body pose.

        Args:
            rotations: (B, 24, 3, 3) root first, the others relative to their parents.
            betas: (B, 10) shape coefficients, in standard deviations.
            transl: (B, 3) metres, camera frame; ``None``: zero.
        """
        return BodyParams(rotations[:, 0], rotations[:, 1:], betas, transl)


@dataclass(frozen=True, repr=False)
class Truth(TensorRecord):
    """Evaluation only; no loss may see it.

    Attributes:
        joints3d: (B, J, 3) metres, camera frame, absolute.
        params: The body's true parameters, where a dataset has them (vertices are computed from them).
        gender: (B,) which model ``params`` belong to, where a dataset says so: 0 neutral, 1 female, 2 male.
    """

    joints3d: Tensor
    params: BodyParams | None = None
    gender: Tensor | None = None


@dataclass(frozen=True, repr=False)
class FrameBatch(TensorRecord):
    """One batch of a data loader. Training loaders always leave ``truth`` at ``None``.

    Attributes:
        observation: What a detector and a segmenter saw: the input.
        truth: What is really there, for evaluation; ``None`` in training.
    """

    observation: Observation
    truth: Truth | None = None


@dataclass(frozen=True, repr=False)
class Lifted(TensorRecord):
    """What a lifter makes of 2D joints.

    Attributes:
        joints3d: (B, J, 3) metres, camera frame, relative to the root joint; absolute scale comes from a prior.
        joints2d: (B, J, 2) crop units: the 2D joints as the lifter believes them (denoised, missing ones filled in).
    """

    joints3d: Tensor
    joints2d: Tensor


@dataclass(frozen=True, repr=False)
class BodyOutput(TensorRecord):
    """A posed body.

    Attributes:
        vertices: (B, V, 3) metres, camera frame.
        joints: (B, 24, 3) the body's own (SMPL) joints, metres, camera frame.
    """

    vertices: Tensor
    joints: Tensor


@dataclass(frozen=True, repr=False)
class IKOutput(TensorRecord):
    """Rotations solved from a skeleton.

    Attributes:
        rotations: (B, 24, 3, 3); index 0 is the root orientation, the rest are relative to the parent.
        solved: (B, 24) bool: True where the joints determined the rotation, False where it fell back to rest.
    """

    rotations: Tensor
    solved: Tensor

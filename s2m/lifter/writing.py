"""What ``s2m lift`` leaves on disk."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from s2m.formats.clips import Block
from s2m.formats.spool import Spool, write_npz_of
from s2m.formats.tracks import Labels
from s2m.lifter.lifting import Lift
from s2m.lifter.to_rotations import NOISE
from s2m.skeletons import JointSet

_DEVIATION, _ELEVATION = "deviation", "elevation_deg"
_OF_LIFT = ("joints3d", "joints2d", "confidence", _DEVIATION, "lifted", "reversed_suspected", "reversed_probability")


class LiftWriter:
    """Gathers skeletons on the disk as they come, and writes them as an npz.

    Args:
        folder: Where they wait.
    """

    def __init__(self, folder: Path) -> None:
        self._spools = {name: Spool(folder) for name in (*_OF_LIFT, _ELEVATION)}
        self._joint_set: JointSet | None = None

    def __enter__(self) -> LiftWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for spool in self._spools.values():
            spool.close()

    def __len__(self) -> int:
        return len(self._spools["joints3d"])

    def add(self, lifted: Lift) -> None:
        """Take in the next frames.

        Args:
            lifted: Skeletons, as tensors on the CPU.
        """
        self._joint_set = lifted.joint_set
        values = {name: getattr(lifted, name) for name in _OF_LIFT}
        values[_ELEVATION] = None if lifted.elevation is None else lifted.elevation.rad2deg()
        for name, tensor in values.items():
            if tensor is not None:
                self._spools[name].append(tensor.numpy())

    def write(self, path: Path, fps: float, labels: Labels | None = None) -> None:
        """Write an npz, complete or not at all.

        ``joints3d`` (T, J, 3) metres, camera frame (``up`` is y-down), relative to the pelvis; ``joints2d`` (T, J, 2)
        in the input's unit, denoised; ``confidence`` (T, J) of the input; ``elevation_deg`` (T,) where the lifter tells
        it; ``deviation`` (T, J, 3) metres and ``reversed_probability`` (T,) where there is a head that tells them;
        ``lifted`` and ``reversed_suspected`` (T,) bool; ``joint_set``, ``joints`` (J,) names, ``fps``, ``up``,
        ``unit``, ``noise_mm``; ``frames`` (T,) their numbers, ``images`` (T,) and ``person`` where known.

        Args:
            path: The file to write.
            fps: Frames per second.
            labels: What the input calls frames and person; by default frames are counted from 0.

        Raises:
            WriteError: It cannot be written.
        """
        assert self._joint_set is not None
        known = {} if labels is None else labels.fields()
        fields: dict[str, Spool | NDArray[Any]] = {name: spool for name, spool in self._spools.items() if len(spool)}
        fields |= {
            "joint_set": np.array(self._joint_set.name),
            "joints": np.array(self._joint_set.joints),
            "fps": np.array(float(fps)),
            "up": np.array("y-down"),
            "unit": np.array("m"),
            "noise_mm": np.array(NOISE * 1000),
        }
        fields |= known if "frames" in known else {"frames": np.arange(len(self)), **known}
        write_npz_of(path, fields, compressed=True)

    def read(self, start: int, stop: int) -> Block:
        """Skeletons as a clip, see :class:`s2m.formats.clips.FrameSource`: every joint of a lifted frame.

        Args:
            start: The first frame.
            stop: One after the last.

        Returns:
            Points (N, J, 3) float64, metres, camera frame, and confidences (N, J) float32, 1 where a joint is finite,
            else 0.
        """
        points = self._spools["joints3d"].read(start, stop).astype(np.float64)
        return points, np.asarray(np.isfinite(points).all(-1), np.float32)

    def confidence(self, start: int, stop: int) -> NDArray[np.float32]:
        """What the input says of the joints (N, J); 0 where one was missing.

        Args:
            start: The first frame.
            stop: One after the last.
        """
        return np.asarray(self._spools["confidence"].read(start, stop), np.float32)

    def some(self, frames: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Skeletons of a few frames, and what is known of how far off they are.

        Args:
            frames: (N,) their numbers.

        Returns:
            (N, J, 3) metres; (N, J, 3) metres or ``None``.
        """
        joints, deviation = (self._spools[name] for name in ("joints3d", _DEVIATION))
        return _picked(joints, frames), _picked(deviation, frames) if len(deviation) else None


def _picked(spool: Spool, frames: NDArray[np.int64]) -> torch.Tensor:
    rows = [spool.read(int(frame), int(frame) + 1) for frame in frames]
    return torch.from_numpy(np.concatenate(rows).astype(np.float32))

"""What ``s2m lift`` leaves on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.files import write_npz
from s2m.lifter.api import Lift


def write_lift(path: Path, lifted: Lift, fps: float, images: tuple[str, ...] = ()) -> None:
    """Write an npz, complete or not at all.

    ``joints3d`` (T, J, 3) metres, camera frame, relative to the pelvis; ``joints2d`` (T, J, 2) in the input's unit,
    denoised; ``confidence`` (T, J) of the input; ``elevation_deg`` (T,) where the lifter tells it; ``lifted`` and
    ``reversed_suspected`` (T,) bool; ``joint_set``, ``joints`` (J,) names, ``fps``; ``images`` (T,) where known.
    """
    fields: dict[str, NDArray[Any]] = {
        "joints3d": lifted.joints3d.numpy(),
        "joints2d": lifted.joints2d.numpy(),
        "confidence": lifted.confidence.numpy(),
        "lifted": lifted.lifted.numpy(),
        "reversed_suspected": lifted.reversed_suspected.numpy(),
        "joint_set": np.array(lifted.joint_set.name),
        "joints": np.array(lifted.joint_set.joints),
        "fps": np.array(float(fps)),
    }
    if lifted.elevation is not None:
        fields["elevation_deg"] = np.rad2deg(lifted.elevation.numpy())
    if images:
        fields["images"] = np.array(images)
    write_npz(path, fields)

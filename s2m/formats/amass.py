"""Motion files that SMPL tools open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.files import write_npz

_BODY_COLUMNS = 66  # root and 21 joints, which SMPL and SMPL-H share
_SMPLH_COLUMNS = 156


def write_amass(
    path: str | Path,
    poses: NDArray[np.float32],
    trans: NDArray[np.float32],
    betas: NDArray[np.float32],
    fps: float,
    gender: str = "neutral",
) -> None:
    """Write an AMASS-style npz (+z up): ``poses``, ``trans``, ``betas``, ``gender``, ``mocap_framerate``.

    poses: (T, 72) SMPL's axis-angle; stored as SMPL-H's 156 columns, as AMASS does, with hands at rest (no skeleton
    here sees fingers). trans: (T, 3) metres. betas: (10,). The file appears complete or not at all.
    """
    wide = np.zeros((len(poses), _SMPLH_COLUMNS), np.float32)
    wide[:, :_BODY_COLUMNS] = poses[:, :_BODY_COLUMNS]
    fields = {
        "poses": wide,
        "trans": trans.astype(np.float32),
        "betas": betas.astype(np.float32),
        "gender": np.array(gender),
        "mocap_framerate": np.array(float(fps)),
    }
    write_npz(path, fields, compressed=False)

"""Motion as Anny's own parameters: what ``anny.Anny()`` takes to show the same person in the same pose.

``pose_parameters`` (T, bones, 4, 4) with their ``pose_parameterization`` and ``bone_labels``, ``phenotypes`` (P,) with
their ``phenotype_labels``: the arguments of the default model's ``forward`` (github.com/naver/anny, anny 0.6).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.body import load_body
from s2m.errors import UserError
from s2m.export.motion import BodyMotion
from s2m.formats.spool import Spool, write_npz_of
from s2m.optional import require
from s2m.options import warn
from s2m.skeletons import SMPL24

_ROWS = 256  # frames at a time: each has a hundred bones' matrices
_FAR = 3e-3  # metres: Anny has no such person


def write_anny(path: Path, motion: BodyMotion) -> None:
    """Write Anny's parameters.

    Args:
        path: The npz file to write.
        motion: The motion, of the open body, which derives from Anny.

    Raises:
        UserError: It is another body's, or the package anny is not installed.
        WriteError: It cannot be written.
    """
    anny = require("anny")
    from s2m.body.anny_rig import PARAMETERIZATION, load_anny, nearest

    if motion.body.hash != load_body().hash:
        raise UserError("--format anny: expected the open body, which derives from Anny, found another (--body)")
    model = load_anny()
    body, off = nearest(model, motion.rest.vertices)
    if off > _FAR:
        warn(f"no phenotypes of Anny have this shape: the nearest are off by {off * 1000:.0f} mm on average")
    with Spool(path.resolve().parent) as poses:
        for start, stop in motion.pieces(_ROWS):
            frames = motion.z_up(start, stop)
            turns = Rotation.from_quat(frames.rotations.reshape(-1, 4)).as_matrix()
            poses.append(body.pose(turns.reshape(-1, len(SMPL24), 3, 3), frames.pelvis).numpy().astype(np.float32))
        fields: dict[str, Spool | NDArray[Any]] = {
            "pose_parameters": poses,
            "pose_parameterization": np.array(PARAMETERIZATION),
            "bone_labels": np.array(model.bone_labels),
            "phenotypes": body.phenotypes,
            "phenotype_labels": np.array(model.phenotype_labels),
            "mocap_framerate": np.array(float(motion.fps)),
            "valid": motion.valid,
            "anny_version": np.array(getattr(anny, "__version__", "")),
        }
        write_npz_of(path, fields, compressed=False)

"""Motion of the user's own in BVH files, whose rotations are carried over to SMPL's body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from s2m.body import load_body
from s2m.data.motion.clips import Clip, MotionError
from s2m.errors import UserError
from s2m.formats.bvh import read_bvh
from s2m.ik.retarget import retarget


def read(path: str | Path, name: str | None = None) -> Clip:
    """Read one BVH file as a motion of the open body.

    Args:
        path: The file.
        name: The clip's name; that of the file if not given.

    Raises:
        MotionError: The message names the file, what was expected and what was found.
    """
    path, body = Path(path), load_body()
    try:
        bvh = read_bvh(path)
        found = retarget(bvh, body, str(path))
    except UserError as error:
        raise MotionError(str(error)) from error
    poses = Rotation.from_matrix(found.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(len(found.rotations), -1, 3)
    return Clip(name or path.stem, poses.astype(np.float32), found.places.astype(np.float32), 1 / bvh.frame_time)

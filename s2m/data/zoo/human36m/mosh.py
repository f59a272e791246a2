"""SMPL parameters that MoSh fitted to Human3.6M: ``S9/Walking_cam0_aligned.pkl``, for those who have them.

Layout and turning of the root as in github.com/open-mmlab/mmhuman3d, mmhuman3d/data/data_converters/h36m.py: one pose
per five frames, in the camera's frame but upside down. The files hold no translation for the camera's frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.data.zoo.human36m.cameras import CAMERA_IDS
from s2m.data.zoo.source import BodyTruth, SourceError

FRAMES_PER_POSE = 5
_UPSIDE_DOWN = Rotation.from_rotvec([np.pi, 0, 0])


def mosh_file(folder: Path, subject: str, action: str, camera: str) -> Path:
    """Where the parameters of a recording lie. The cameras are counted in the order of CAMERA_IDS.

    Args:
        folder: Folder of the files.
        subject: Name of the subject, such as S1.
        action: Name of the take, such as 'Walking 1'.
        camera: Name of the camera, such as 54138969.
    """
    return folder / subject / f"{action}_cam{CAMERA_IDS.index(camera)}_aligned.pkl"


def read_mosh(path: Path, pelvis: NDArray[np.float64]) -> tuple[NDArray[np.int64], BodyTruth]:
    """Which frames have parameters, and those.

    Args:
        path: The file of the parameters.
        pelvis: (T, 3) metres, camera frame; stands in for the translation that the files lack, so that errors against
            this body must be relative to its root.

    Raises:
        SourceError: The message names the field.
    """
    # Brings torch, which workers that read other files should not wait for.
    from s2m.formats.safe_pickle import UnsafePickleError, load_pickle

    try:
        content = load_pickle(path, ("new_poses", "betas"))
    except (UnsafePickleError, OSError) as error:
        raise SourceError(f"{path}: expected a pickle of arrays, found: {error}") from error
    poses, betas = _array(path, content, "new_poses"), _array(path, content, "betas").ravel()
    if poses.ndim != 2 or poses.shape[1] != 72 or not len(poses):
        raise SourceError(f"{path}: new_poses: expected shape (frames, 72), found {poses.shape}")
    if len(betas) < 10:
        raise SourceError(f"{path}: betas: expected 10 numbers, found {len(betas)}")
    frames = np.arange(0, len(pelvis), FRAMES_PER_POSE)[: len(poses)]
    poses = poses[: len(frames)].copy()
    poses[:, :3] = (Rotation.from_rotvec(poses[:, :3]) * _UPSIDE_DOWN).as_rotvec()
    return frames, BodyTruth(poses, betas[:10], pelvis[frames])


def _array(path: Path, content: Any, name: str) -> NDArray[np.float64]:
    if name not in content:
        raise SourceError(f"{path}: {name}: missing; the file has {', '.join(sorted(content)) or 'nothing'}")
    return np.asarray(content[name], np.float64)

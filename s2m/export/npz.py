"""The npz files of SMPL tools and of robots' retargeting programs; +z up, metres, radians.

- AMASS: see :mod:`s2m.formats.amass`.
- SMPL-X: AMASS's ``*_stageii.npz`` with 55 joints ("SMPL-X N"). These are also the keys that GMR reads, ``pose_body``,
  ``root_orient``, ``trans``, ``betas``, ``gender``, ``mocap_frame_rate`` (``load_smplx_file`` in
  general_motion_retargeting/utils/smpl.py of github.com/YanjieZe/GMR).
- HoloSMPL: the "formal" clip with ``human_pose_aa`` (T, 72) that HoloRetarget of HoloMotion takes
  (github.com/HorizonRobotics/HoloMotion, holosmpl/core/schema; the fields and metadata that its validation asks for).
- holosoma: ``global_joint_positions`` (T, 22, 3) and ``height``, the data format ``smplx`` of holosoma-retargeting
  (ADD_MOTION_FORMAT_README.md and config_types/data_type.py of github.com/amazon-far/holosoma).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.export.motion import BodyMotion, joints_of
from s2m.formats.amass import OPEN_BODY, BodyLabel, smplh_poses, write_amass
from s2m.formats.spool import Spool, write_npz_of
from s2m.skeletons import SMPL22, SMPL24

_ROOT, _BODY, _FACE, _HANDS = 3, 66, 9, 90  # columns of a pose vector
_BETAS, _SMPL_BETAS = 16, 10  # of SMPL-X; of SMPL
_DOWN = np.array([0.0, 0.0, -1.0])


def write_amass_npz(path: Path, motion: BodyMotion) -> None:
    """Write an AMASS-style npz of SMPL-H.

    Args:
        path: The file to write.
        motion: The motion.

    Raises:
        WriteError: It cannot be written.
    """
    with _spooled(path, motion, _smplh) as poses:
        betas, label = _smpl_shape(motion)
        write_amass(path, poses, motion.trans, betas, motion.fps, label, motion.valid, motion.labels)


def _smpl_shape(motion: BodyMotion) -> tuple[NDArray[np.float32], BodyLabel]:
    """SMPL's betas and whose they are; zeros where the motion has none of SMPL's."""
    return motion.shape_as("smpl", "smplh") or (np.zeros(len(motion.betas), np.float32), motion.label)


def write_smplx_npz(path: Path, motion: BodyMotion) -> None:
    """Write an npz of SMPL-X, as AMASS and GMR have it.

    SMPL-X has a shape space of its own: betas are those of the SMPL-X file that the motion comes from, else zero.

    Args:
        path: The file to write.
        motion: The motion.

    Raises:
        WriteError: It cannot be written.
    """
    parts = {
        "poses": _smplx,
        "root_orient": lambda poses: _smplx(poses)[:, :_ROOT],
        "pose_body": lambda poses: _smplx(poses)[:, _ROOT:_BODY],
        "pose_hand": lambda poses: _smplx(poses)[:, _BODY + _FACE :],
        "pose_jaw": lambda poses: _smplx(poses)[:, _BODY : _BODY + 3],
        "pose_eye": lambda poses: _smplx(poses)[:, _BODY + 3 : _BODY + _FACE],
    }
    betas, label = motion.shape_as("smplx") or (np.zeros(_BETAS, np.float32), motion.label)
    with contextlib.ExitStack() as stack:
        spools = {name: stack.enter_context(_spooled(path, motion, part)) for name, part in parts.items()}
        fields: dict[str, Spool | NDArray[Any]] = {
            **spools,
            "trans": np.asarray(motion.trans, np.float64),
            "betas": betas,
            "num_betas": np.array(len(betas)),
            "gender": np.array(label.gender),
            "surface_model_type": np.array("smplx"),
            "mocap_frame_rate": np.array(float(motion.fps)),
            "mocap_time_length": np.array(len(motion) / motion.fps),
        }
        write_npz_of(path, fields, compressed=False)


def write_holosmpl(path: Path, motion: BodyMotion) -> None:
    """Write a formal clip of HoloSMPL.

    Args:
        path: The file to write.
        motion: The motion.

    Raises:
        WriteError: It cannot be written.
    """
    trans = np.asarray(motion.trans, np.float32)
    betas, label = _smpl_shape(motion)
    betas = betas[:_SMPL_BETAS]
    with _spooled(path, motion, _smpl) as poses, _spooled(path, motion, _gravity) as gravity:
        fields: dict[str, Spool | NDArray[Any]] = {
            "human_pose_aa": poses,
            "human_shape_beta": betas,
            "human_root_trans": trans,
            "human_root_height": trans[:, 2:3],
            "human_gravity_projection": gravity,
            "metadata": np.array(json.dumps(_holosmpl_metadata(motion, path.stem, len(betas), label), sort_keys=True)),
        }
        write_npz_of(path, fields, compressed=False)


def write_holosoma(path: Path, motion: BodyMotion) -> None:
    """Write joints for holosoma-retargeting.

    Args:
        path: The file to write.
        motion: The motion.

    Raises:
        WriteError: It cannot be written.
    """
    shared = SMPL24.indices(SMPL22.joints)
    upright = motion.rest.vertices[:, SMPL_UP]
    with Spool(path.resolve().parent) as joints:
        for start, stop in motion.pieces():
            joints.append(joints_of(motion.z_up(start, stop), motion.rest)[:, shared].astype(np.float32))
        fields: dict[str, Spool | NDArray[Any]] = {
            "global_joint_positions": joints,
            "height": np.array(float(np.ptp(upright))),
            "fps": np.array(float(motion.fps)),
        }
        write_npz_of(path, fields, compressed=False)


SMPL_UP = 1  # the axis of the body's own frame that points up


@contextlib.contextmanager
def _spooled(path: Path, motion: BodyMotion, part: Callable[[NDArray[Any]], NDArray[Any]]) -> Iterator[Spool]:
    """Something of every pose, waiting beside the file that it goes into."""
    with Spool(path.resolve().parent) as spool:
        for start, stop in motion.pieces():
            spool.append(np.ascontiguousarray(part(motion.poses.read(start, stop)), np.float32))
        yield spool


def _smplh(poses: NDArray[Any]) -> NDArray[Any]:
    return smplh_poses(poses) if poses.shape[1] == 3 * len(SMPL24) else poses


def _smplx(poses: NDArray[Any]) -> NDArray[Any]:
    smplh = _smplh(poses)
    face = np.zeros((len(poses), _FACE), smplh.dtype)
    return np.concatenate([smplh[:, :_BODY], face, smplh[:, _BODY : _BODY + _HANDS]], axis=1)


def _smpl(poses: NDArray[Any]) -> NDArray[Any]:
    if poses.shape[1] == 3 * len(SMPL24):
        return poses
    narrow = np.zeros((len(poses), 3 * len(SMPL24)), np.float32)
    narrow[:, :_BODY] = poses[:, :_BODY]
    return narrow


def _gravity(poses: NDArray[Any]) -> NDArray[Any]:
    """Where down is in the root's frame."""
    down: NDArray[Any] = Rotation.from_rotvec(poses[:, :_ROOT]).inv().apply(_DOWN)
    return down


def _holosmpl_metadata(motion: BodyMotion, name: str, betas: int, label: BodyLabel) -> dict[str, Any]:
    return {
        "schema_version": "formal_human_npz_v1",
        "clip_id": name,
        "dataset": "skeleton2mesh",
        "canonical_coordinate_system": "canonical_z_up_xyz_m",
        "canonical_pose_body_layout": "smpl_23_body",
        "formal_pose_72_policy": "concat_root_and_smpl_23_body",
        "up_axis": "z",
        "unit": "meter",
        "slice_policy": "none",
        "frame_count": len(motion),
        "beta_dim": betas,
        "source_fps": float(motion.fps),
        "target_fps": float(motion.fps),
        "gender": label.gender,
        "betas_of": label.body or OPEN_BODY,
    }

"""Motions of SMPL, SMPL-H and SMPL-X bodies in files.

AMASS's npz (amass.is.tue.mpg.de: ``poses``, ``trans``, ``betas``, ``gender``, ``mocap_framerate`` or, for SMPL-X,
``mocap_frame_rate``; +z up), and the parameters as the package smplx names them (``global_orient``, ``body_pose``,
``transl``, ``betas``), and HoloSMPL's clips (``human_pose_aa``, ``human_root_trans``; +z up). The first 22 joints of
SMPL-H and SMPL-X are SMPL's: their rotations are the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.errors import FormatError, UserError
from s2m.formats.motion_npz import MODELS, MotionFile, gender_of, narrow, numbers_of, one_row, read_motion_npz
from s2m.formats.npz import array_names
from s2m.formats.rates import told_rate
from s2m.formats.raw import load
from s2m.formats.rotations_csv import is_rotations_csv, read_rotations_csv
from s2m.formats.spool import Spool
from s2m.formats.upright import axis_of_roots
from s2m.skeletons import SMPL22, SMPL24

Floats = NDArray[np.float64]

_SUFFIXES = (".npz", ".pkl")
_AMASS, _SMPLX = frozenset({"poses", "trans"}), frozenset({"global_orient", "body_pose"})
_RATES = {"mocap_framerate", "mocap_frame_rate"}
_HOLOSMPL = {"human_pose_aa": "poses", "human_root_trans": "trans", "human_shape_beta": "betas"}
_BODY_POSES = {63: "smplx", 69: "smpl"}  # columns -> whose; SMPL-H's body has as many joints as SMPL-X's
_PLACES = ("trans", "transl", "translation")
_LEFT_OUT = {"left_hand_pose": "fingers", "right_hand_pose": "fingers", "jaw_pose": "the face"}
_BETAS = 10


def is_body_motion(path: Path) -> bool:
    """Whether a file holds the motion of a body: in AMASS's own layout, or in another one and without joints.

    Args:
        path: Any file.

    Returns:
        False as well for what cannot be read; its reader then says why.
    """
    if is_rotations_csv(path):
        return True
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return False
    try:
        fields = array_names(path) if path.suffix.lower() == ".npz" else load(path)
    except UserError:
        return False
    return not isinstance(fields, np.ndarray) and _is_body(fields)


def _is_body(fields: Any) -> bool:
    if not isinstance(fields, Mapping | list) or any(not isinstance(field, str) for field in fields):
        return False
    found = set(fields)
    if found >= _AMASS and found & _RATES:
        return True  # AMASS's own layout, as `s2m recover` writes it: joints beside it are those of the body
    known = any(found >= kind for kind in (_AMASS, _SMPLX, set(_HOLOSMPL)))
    return known and not any("joints" in field for field in found)


def read_body_motion(path: Path, folder: Path) -> MotionFile:
    """Read a body's motion.

    Args:
        path: An npz, pkl or csv file.
        folder: Where poses wait on the disk.

    Returns:
        The motion; whoever asked closes its ``poses``.

    Raises:
        FormatError: The message names the field, what was expected and what was found.
    """
    if path.suffix.lower() == ".csv":
        return read_rotations_csv(path, folder)
    if path.suffix.lower() == ".npz" and set(array_names(path)) >= _AMASS:
        return read_motion_npz(path, folder)
    content = load(path)
    if not isinstance(content, Mapping) or not _is_body(content):
        raise FormatError(f"{path}: expected poses and trans (AMASS) or global_orient and body_pose (smplx)")
    content = _of_holosmpl(content, path) if set(content) >= set(_HOLOSMPL) else content
    amass = set(content) >= _AMASS
    poses, model = _amass_poses(content, path) if amass else _smplx_poses(content, path)
    trans, betas, fps = _places(content, len(poses), path), _betas(content, path), told_rate(content, path)
    gender = gender_of(str(np.ravel(content["gender"])[0])) if "gender" in content else "neutral"
    valid, up = np.ones(len(poses), bool), "z" if amass else axis_of_roots(poses[:, :3])
    notes = _left_out(content)
    if not amass and up is not None:
        notes = (f"{up} is up because the person stands along it", *notes)
    spool = Spool(folder)
    spool.append(poses)
    hands = bool(poses[:, 3 * len(SMPL22) :].any())
    return MotionFile(spool, trans, betas, fps, gender, model, "", valid, hands, up, notes)


def _of_holosmpl(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A clip of HoloSMPL in AMASS's words; rate and gender stand in its metadata."""
    found = {ours: content[theirs] for theirs, ours in _HOLOSMPL.items()}
    try:
        told = json.loads(str(np.ravel(content["metadata"])[0])) if "metadata" in content else {}
        told = {ours: told[theirs] for theirs, ours in (("source_fps", "fps"), ("gender", "gender")) if theirs in told}
    except (ValueError, TypeError, LookupError) as error:
        raise FormatError(f"{path}: metadata: expected an object in JSON ({error!s:.80})") from error
    return found | told


def _left_out(content: Mapping[str, Any]) -> tuple[str, ...]:
    there = [what for field, what in _LEFT_OUT.items() if field in content]
    return (f"rotations of {' and '.join(dict.fromkeys(there))} are left out",) if there else ()


def _amass_poses(content: Mapping[str, Any], path: Path) -> tuple[NDArray[np.float32], str]:
    poses = numbers_of(content["poses"], f"{path}: poses")
    if poses.ndim != 2 or poses.shape[1] not in MODELS or not len(poses):
        expected = ", ".join(f"(frames, {width})" for width in MODELS)
        raise FormatError(f"{path}: poses: expected one of {expected}, found {poses.shape}")
    return narrow(poses.astype(np.float32)), MODELS[poses.shape[1]]


def _smplx_poses(content: Mapping[str, Any], path: Path) -> tuple[NDArray[np.float32], str]:
    root = _vectors(content["global_orient"], 1, f"{path}: global_orient")
    body = numbers_of(content["body_pose"], f"{path}: body_pose")
    joints = body.size // max(len(root), 1) // (9 if body.shape[-2:] == (3, 3) else 3)
    if 3 * joints not in _BODY_POSES:
        raise FormatError(f"{path}: body_pose: expected 21 or 23 joints in {len(root)} frames, found {body.shape}")
    vectors = _vectors(body, joints, f"{path}: body_pose")
    if len(vectors) != len(root):
        raise FormatError(f"{path}: body_pose: expected {len(root)} frames, found {len(vectors)}")
    full = np.zeros((len(root), 3 * len(SMPL24)), np.float32)
    full[:, : 3 + vectors.shape[1]] = np.concatenate([root, vectors], axis=1)
    return full, _BODY_POSES[3 * joints]


def _vectors(value: Any, joints: int, where: str) -> Floats:
    """(T, 3 J) axis-angle, of these or of matrices."""
    array = numbers_of(value, where)
    if array.shape[-2:] == (3, 3):
        matrices = array.reshape(-1, 3, 3)
        if np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(initial=0) > 0.05:
            raise FormatError(f"{where}: expected rotation matrices, found others")
        return np.asarray(Rotation.from_matrix(matrices).as_rotvec().reshape(-1, 3 * joints))
    if array.size % (3 * joints) or not array.size:
        raise FormatError(f"{where}: expected (frames, {3 * joints}), found {array.shape}")
    return array.reshape(-1, 3 * joints)


def _places(content: Mapping[str, Any], frames: int, path: Path) -> Floats:
    field = next((name for name in _PLACES if name in content), None)
    if field is None:
        return np.zeros((frames, 3))
    trans = numbers_of(content[field], f"{path}: {field}")
    if trans.shape != (frames, 3):
        raise FormatError(f"{path}: {field}: expected {(frames, 3)}, found {trans.shape}")
    return trans


def _betas(content: Mapping[str, Any], path: Path) -> NDArray[np.float32]:
    if "betas" not in content:
        return np.zeros(_BETAS, np.float32)
    return one_row(numbers_of(content["betas"], f"{path}: betas"), path)

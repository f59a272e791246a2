"""3DPW's files: ``sequenceFiles/{train,validation,test}/*.pkl``, read without running any code of the file.

Fields as in the readme.txt of the data set; validity as in miraymen/3dpw-eval (check_valid_inds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.source import Array, SourceError
from s2m.skeletons import SMPL24

_PER_PERSON = ("poses", "trans", "betas", "poses2d", "jointPositions", "genders", "campose_valid")
_GENDERS = {"f": "female", "m": "male"}
_JOINTS = len(SMPL24)
# OpenPose's 18 body joints (COCO's with a neck), the order of poses2d.
OPENPOSE18 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One person of a sequence, by frame; world frame.

    Args:
        file: The sequence's file.
        poses: (T, 72).
        trans: (T, 3) metres.
        betas: (10,).
        joints: (T, 24, 3) metres.
        detected: (T, 18, 3) x, y, confidence of OPENPOSE18, all zero where fewer than six joints were found.
        gender: Gender of the body model.
        aligned: (T,) whether the camera pose fits the picture.
        extrinsics: (T, 4, 4) world to camera.
        intrinsics: (3, 3).
    """

    file: Path
    poses: Array
    trans: Array
    betas: Array
    joints: Array
    detected: Array
    gender: str
    aligned: NDArray[np.bool_]
    extrinsics: Array
    intrinsics: Array


def count_people(file: Path) -> int:
    """How many people a sequence has.

    Args:
        file: The sequence's file.
    """
    return len(_content(file)["poses"])


def read_people(file: Path) -> list[Person]:
    """All people of a sequence.

    Args:
        file: The sequence's file.

    Raises:
        SourceError: The message names file, field, expected and found.
    """
    content = _content(file)
    poses = content["poses"]
    frames = len(poses[0]) if isinstance(poses[0], np.ndarray) and poses[0].ndim else 0
    extrinsics = _numbers(file, "cam_poses", content["cam_poses"], (frames, 4, 4))
    intrinsics = _numbers(file, "cam_intrinsics", content["cam_intrinsics"], (3, 3))
    return [_person(file, content, number, frames, extrinsics, intrinsics) for number in range(len(poses))]


def _content(file: Path) -> Mapping[str, Any]:
    # imports torch, for which help shall not wait
    from s2m.formats.safe_pickle import UnsafePickleError, load_plain

    try:
        with file.open("rb") as stream:
            content = load_plain(stream)
    except (OSError, UnsafePickleError) as error:
        raise SourceError(f"{file}: not a readable pickle of arrays ({error})") from error
    if not isinstance(content, dict):
        raise SourceError(f"{file}: expected a dict, found {type(content).__name__}")
    missing = [name for name in (*_PER_PERSON, "cam_poses", "cam_intrinsics") if name not in content]
    if missing:
        raise SourceError(f"{file}: field {', '.join(missing)}: missing")
    people = {name: len(content[name]) if isinstance(content[name], Sequence) else 0 for name in _PER_PERSON}
    if len(set(people.values())) != 1 or not people["poses"]:
        raise SourceError(f"{file}: expected lists with one entry per person, found {people}")
    return content


def _person(
    file: Path, content: Mapping[str, Any], number: int, frames: int, extrinsics: Array, intrinsics: Array
) -> Person:
    shapes: dict[str, tuple[int, ...]] = {
        "poses": (frames, 72),
        "trans": (frames, 3),
        "jointPositions": (frames, 3 * _JOINTS),
        "poses2d": (frames, 3, len(OPENPOSE18)),
        "campose_valid": (frames,),
    }
    arrays = {name: _numbers(file, f"{name}[{number}]", content[name][number], shape) for name, shape in shapes.items()}
    gender = content["genders"][number]
    if not isinstance(gender, str) or gender not in _GENDERS:
        raise SourceError(f"{file}: field genders[{number}]: expected f or m, found {gender!r}")
    return Person(
        file,
        arrays["poses"],
        arrays["trans"],
        _betas(file, number, content["betas"][number]),
        arrays["jointPositions"].reshape(frames, _JOINTS, 3),
        arrays["poses2d"].transpose(0, 2, 1),
        _GENDERS[gender],
        arrays["campose_valid"] != 0,
        extrinsics,
        intrinsics,
    )


def _betas(file: Path, number: int, value: Any) -> Array:
    # some releases have 300 coefficients, of which the first ten are everybody's (3dpw-eval takes those)
    flat = np.asarray(value).ravel()
    if flat.dtype.kind not in "iuf" or len(flat) < 10 or not np.isfinite(flat).all():
        raise SourceError(f"{file}: field betas[{number}]: expected at least 10 finite numbers, found {flat.shape}")
    return flat[:10].astype(np.float64)


def _numbers(file: Path, name: str, value: Any, shape: tuple[int, ...]) -> Array:
    found = value.shape if isinstance(value, np.ndarray) else type(value).__name__
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or found != shape or not shape[0]:
        raise SourceError(f"{file}: field {name}: expected numbers of shape {shape}, found {found}")
    return value.astype(np.float64)

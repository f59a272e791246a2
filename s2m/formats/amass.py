"""Motion files that SMPL tools open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.formats.spool import Spool, write_npz_of
from s2m.formats.tracks import Labels

OPEN_BODY = "open-body"  # what files call it
_BODY_COLUMNS = 66  # root and 21 joints, which SMPL and SMPL-H share
_SMPLH_COLUMNS = 156
_GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}


@dataclass(frozen=True)
class BodyLabel:
    """Which body a motion is of.

    Attributes:
        gender: ``neutral``, ``female`` or ``male``, as AMASS has it.
        body: What the betas belong to: ``open-body/`` or the name of an official file, and the start of its hash.
    """

    gender: str
    body: str

    @staticmethod
    def of(path: Path | None, digest: str) -> BodyLabel:
        """The label of a loaded body.

        Args:
            path: Its file; ``None`` for the open body.
            digest: Hash of its arrays.

        Returns:
            The label; the gender is read from the official names of files (``SMPL_FEMALE``, ``basicModel_f_lbs``).
        """
        if path is None:
            return BodyLabel("neutral", f"{OPEN_BODY}/{digest[:12]}")
        words = re.split(r"[^a-z]+", path.stem.lower())
        gender = next((_GENDERS[word] for word in words if word in _GENDERS), "neutral")
        return BodyLabel(gender, f"{path.stem}/{digest[:12]}")


def smplh_poses(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """SMPL-H's pose vectors of SMPL's: hands at rest, since no skeleton here sees fingers.

    Args:
        poses: (T, 72) axis-angle.

    Returns:
        (T, 156).
    """
    wide = np.zeros((len(poses), _SMPLH_COLUMNS), np.float32)
    wide[:, :_BODY_COLUMNS] = poses[:, :_BODY_COLUMNS]
    return wide


def write_amass(
    path: str | Path,
    poses: Spool | NDArray[np.float32],
    trans: NDArray[Any],
    betas: NDArray[np.float32],
    fps: float,
    label: BodyLabel | None = None,
    valid: NDArray[np.bool_] | None = None,
    labels: Labels | None = None,
    more: Mapping[str, Spool | NDArray[Any]] | None = None,
) -> None:
    """Write an AMASS-style npz (+z up), complete or not at all.

    ``poses``, ``trans``, ``betas``, ``gender`` and ``mocap_framerate`` are AMASS's; ``valid`` (T,), ``body``,
    ``frames`` (T,) and, where known, ``images`` (T,) and ``person`` are added, which its readers ignore.

    Args:
        path: The file to write.
        poses: (T, 156) axis-angle, see :func:`smplh_poses`; or SMPL's (T, 72) in memory.
        trans: (T, 3) metres; written as float64.
        betas: (10,).
        fps: Frames per second.
        label: Which body it is; the open one by default.
        valid: (T,) bool, False where a pose was only held; all True by default.
        labels: What the input calls frames and person; by default frames are counted from 0.
        more: Further fields, which AMASS's readers ignore.

    Raises:
        WriteError: It cannot be written.
    """
    if isinstance(poses, np.ndarray) and poses.shape[1] != _SMPLH_COLUMNS:
        poses = smplh_poses(poses)
    label = BodyLabel("neutral", OPEN_BODY) if label is None else label
    fields: dict[str, Spool | NDArray[Any]] = {
        "poses": poses,
        "trans": np.asarray(trans, np.float64),
        "betas": betas.astype(np.float32),
        "gender": np.array(label.gender),
        "mocap_framerate": np.array(float(fps)),
        "valid": np.ones(len(trans), bool) if valid is None else valid,
        "body": np.array(label.body),
        "frames": np.arange(len(trans)),
        **({} if labels is None else labels.fields()),
        **(more or {}),
    }
    write_npz_of(path, fields, compressed=False)

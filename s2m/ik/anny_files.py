"""Files of Anny's parameters as the motion of the open body."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.body import load_body
from s2m.errors import FormatError
from s2m.formats.amass import BodyLabel
from s2m.formats.anny import LABELS, AnnyMotion, opened_anny
from s2m.formats.motion_npz import MotionFile
from s2m.formats.spool import Spool
from s2m.optional import require
from s2m.skeletons import SMPL24

if TYPE_CHECKING:
    from s2m.body.anny_rig import AnnyBody

Floats = NDArray[np.float64]

_ROWS = 256  # frames at a time


def anny_motion(path: Path, folder: Path) -> MotionFile:
    """Read a file; Anny's own model tells what its numbers mean.

    Args:
        path: The file.
        folder: Where poses wait on the disk.

    Returns:
        The motion of the open body that is nearest; whoever asked closes its ``poses``.

    Raises:
        FormatError: The message names the field, what was expected and what was found.
        MissingPackageError: The package anny is not installed.
    """
    require("anny")
    from s2m.body.anny_rig import AnnyBody, load_anny

    model, body = load_anny(), load_body()
    with opened_anny(path, model.bone_labels, folder) as found:
        unknown = sorted(set(found.phenotypes) - set(model.phenotype_labels))
        if unknown:
            known = ", ".join(model.phenotype_labels)
            raise FormatError(f"{path}: {LABELS}: expected some of {known}, found {', '.join(unknown)}")
        shape = AnnyBody(model, np.array([found.phenotypes.get(name, 0.5) for name in model.phenotype_labels]))
        poses, pelvis = _posed(found, shape, folder)
        betas, label = shape.betas(body), BodyLabel.of(None, body.hash)
        with torch.inference_mode():
            at_rest = body.rest(torch.from_numpy(betas)[None]).joints[0, SMPL24.root_index].double().numpy()
        notes = ("of Anny's fingers and toes the middle ones count",)
        return MotionFile(
            poses, pelvis - at_rest, betas, found.fps, label.gender, "anny", label.body, found.valid, True, notes=notes
        )


def _posed(found: AnnyMotion, shape: AnnyBody, folder: Path) -> tuple[Spool, Floats]:
    """(T, 72) axis-angle on the disk, and (T, 3) where the pelvis is."""
    poses, places = Spool(folder), []
    try:
        for start in range(0, len(found.pose), _ROWS):
            pose = torch.from_numpy(found.read(start, min(len(found.pose), start + _ROWS)))
            rotations, pelvis = shape.unposed(pose, found.parameterization)
            vectors = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec()
            poses.append(vectors.reshape(len(pose), 3 * len(SMPL24)).astype(np.float32))
            places.append(pelvis)
    except BaseException:
        poses.close()
        raise
    return poses, np.concatenate(places)

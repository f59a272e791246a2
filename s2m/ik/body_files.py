"""Files that hold the motion of a skeleton or body already, as SMPL's: BVH, and AMASS's, SMPL-H's and SMPL-X's npz."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.body import Body, load_body
from s2m.clip_options import check_fps
from s2m.errors import UserError
from s2m.export.known import chosen_format
from s2m.export.motion import BodyMotion
from s2m.export.writers import write_people
from s2m.formats.amass import BodyLabel
from s2m.formats.body_motion import open_body_motion
from s2m.formats.bvh import read_bvh
from s2m.formats.joints3d import UP_AXES
from s2m.formats.rows import ArrayRows, Rows
from s2m.ik.retarget import Retargeted, retarget
from s2m.options import folder_of, say, writable
from s2m.skeletons import SMPL24

Floats = NDArray[np.float64]

# SMPL's world (+y up) to AMASS's (+z up).
_AMASS = Rotation.from_euler("x", 90, degrees=True)
_UNREAD = ("joint_set", "preset", "key", "markers", "unit", "noise", "person", "people")
_ZEROS = 10


def write_bvh_motion(file: Path, arguments: argparse.Namespace) -> None:
    """Write the motion of a BVH file as SMPL's.

    Args:
        file: The BVH file.
        arguments: Options of ``s2m ik``.

    Raises:
        UserError: For a file that cannot be used, and for options that mean nothing for one.
    """
    _refuse(file, arguments, "a BVH file brings its own skeleton, unit and people")
    bvh = read_bvh(file)
    body = load_body(arguments.body)
    found = retarget(bvh, body, str(file), arguments.up, arguments.keep_scale)
    rate = 1 / bvh.frame_time
    fps = check_fps(arguments.fps or (round(rate) if abs(rate - round(rate)) < 0.02 * rate / 30 else round(rate, 4)))
    poses, places = in_amass_world(found, _pelvis(body))
    label = BodyLabel.of(arguments.body, body.hash)
    with writable(arguments.output) as output:
        everywhere = np.ones(len(poses), bool)
        zeros = np.zeros(_ZEROS, np.float32)
        person = BodyMotion(body, ArrayRows(poses), places, zeros, fps, label, everywhere, arguments.output.stem)
        lost = write_people(output, [person], chosen_format(arguments.output, arguments), arguments.names)
    for note in found.notes:
        say(arguments, note)
    say(arguments, f"{arguments.output}: {len(poses)} frames at {fps:g} per second{lost}")


def in_amass_world(found: Retargeted, pelvis: Floats) -> tuple[NDArray[np.float32], Floats]:
    """Pose vectors (T, 72) and places (T, 3) as AMASS has them.

    Args:
        found: A motion with +y up, places of the pelvis joint.
        pelvis: (3,) metres, the pelvis joint at rest: SMPL's place is that of the body's origin.

    Returns:
        Axis-angle, and metres; +z up.
    """
    rotations = found.rotations.copy()
    rotations[:, 0] = _AMASS.as_matrix() @ rotations[:, 0]
    poses = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(len(rotations), -1)
    # A body turns about its own pelvis joint.
    return poses.astype(np.float32), _AMASS.apply(found.places) - pelvis


def _pelvis(body: Body) -> Floats:
    with torch.no_grad():
        found: Floats = body.rest().joints[0, SMPL24.root_index].double().numpy()
    return found


def _refuse(file: Path, arguments: argparse.Namespace, why: str) -> None:
    given = [name for name in _UNREAD if getattr(arguments, name, None) not in (None, "auto")]
    given += [name for name in ("fit_shape", "smooth") if getattr(arguments, name, False)]
    if given:
        raise UserError(f"{file}: --{given[0].replace('_', '-')}: {why}")


def write_body_motion(file: Path, arguments: argparse.Namespace) -> None:
    """Write the motion of a body (AMASS, SMPL-H, SMPL-X) as SMPL's: the rotations of the joints that correspond.

    Args:
        file: The npz file.
        arguments: Options of ``s2m ik``.

    Raises:
        UserError: For a file that cannot be used, and for options that mean nothing for one.
    """
    _refuse(file, arguments, "the file holds a body's motion (poses, trans), which is taken over as it is")
    with open_body_motion(file, folder_of(arguments.output)) as motion:
        fps = check_fps(arguments.fps or motion.fps or 30.0)
        up = arguments.up or motion.up or "y"
        turn = _AMASS * Rotation.from_matrix(np.array(UP_AXES[up], np.float64))
        body = load_body(arguments.body)
        pelvis = _pelvis(body)
        # A body turns about its pelvis joint, which lies off the origin that the place is measured from.
        places = turn.apply(motion.trans + pelvis) - pelvis
        label = BodyLabel(motion.gender, motion.body)
        valid = np.ones(len(places), bool) if motion.valid is None else motion.valid
        poses, stem = _Turned(motion.poses, turn), arguments.output.stem
        with writable(arguments.output) as output:
            person = BodyMotion(body, poses, places, motion.betas, fps, label, valid, stem)
            lost = write_people(output, [person], chosen_format(arguments.output, arguments), arguments.names)
    told = "" if arguments.up or motion.up else ", read with y up, since the file does not tell (--up)"
    say(arguments, f"{arguments.file}: a body's motion ({motion.kind}): rotations are taken over as they are{told}")
    for note in motion.notes:
        say(arguments, f"note: {note}")
    say(arguments, f"{arguments.output}: {len(places)} frames at {fps:g} per second{lost}")


class _Turned:
    """Pose vectors of a body that is turned as a whole, see :class:`s2m.formats.rows.Rows`."""

    def __init__(self, poses: Rows, turn: Rotation) -> None:
        self._poses, self._turn = poses, turn

    def __len__(self) -> int:
        return len(self._poses)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """See :class:`s2m.formats.rows.Rows`."""
        poses: NDArray[np.float32] = self._poses.read(start, stop)
        poses[:, :3] = (self._turn * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
        return poses

"""Files that hold the motion of a skeleton or body, as SMPL's: BVH, glTF, FBX, USD, and those of SMPL bodies."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.body import Body
from s2m.clip_options import check_fps, how_many
from s2m.errors import UserError
from s2m.export.motion import ArrayRows, BodyMotion, ForeignShape, Rows
from s2m.formats.amass import BodyLabel
from s2m.formats.anny import is_anny
from s2m.formats.body_motion import read_body_motion
from s2m.formats.bvh import Bvh, read_bvh
from s2m.formats.estimated_bodies import EstimatedBody, estimated_bodies
from s2m.formats.fbx import FBX, read_fbx
from s2m.formats.gltf import GLTF, GltfPerson, read_gltf
from s2m.formats.joints3d import UP_AXES
from s2m.formats.motion_npz import MotionFile
from s2m.formats.upright import axis_of_roots
from s2m.formats.usd import SUFFIXES, read_usd
from s2m.ik.anny_files import anny_motion
from s2m.ik.chosen_body import BodyChoice
from s2m.ik.retarget import Retargeted, retarget
from s2m.ik.source_options import said_of_joints
from s2m.ik.writing import Solved
from s2m.options import say, warn
from s2m.skeletons import SMPL24

Floats = NDArray[np.float64]

BVH = ".bvh"
TREES = (BVH, *GLTF, FBX, *SUFFIXES)
"""Suffixes of files that hold a skeleton of their own."""
# SMPL's world (+y up) to AMASS's (+z up).
_AMASS = Rotation.from_euler("x", 90, degrees=True)
_SAMPLE = 200  # frames that tell how somebody is


def trees_of(file: Path, arguments: argparse.Namespace) -> list[Bvh | GltfPerson]:
    """The skeletons of a BVH, glTF, FBX or USD file.

    Args:
        file: The file.
        arguments: Options of :func:`s2m.ik.source_options.add_sources`.

    Raises:
        UserError: For a file that cannot be used, and for options that mean nothing for one.
    """
    suffix = file.suffix.lower()
    known = ("key",) if suffix in GLTF else ()
    _refuse(file, arguments, "the file brings its own skeleton, unit and people", known)
    if suffix == BVH:
        bvh = read_bvh(file)
        if bvh.told != len(bvh.values):
            warn(f"{file}: its head tells {bvh.told} frames, {len(bvh.values)} are there: these were taken")
        return [bvh]
    people = read_gltf(file, arguments.key) if suffix in GLTF else read_fbx(file) if suffix == FBX else read_usd(file)
    most = max(people, key=lambda person: person.animations)
    if most.animations > 1 and arguments.key is None:
        another = f"; --key NAME takes another: {', '.join(most.takes):.200}" if most.takes else ""
        warn(f"{file}: {most.animations} animations of a person: the first was taken{another}")
    if people[0].between_keys:
        apart = people[0].between_keys
        say(arguments, f"{file}: keys {apart:.2g} s apart are no frames: 30 a second were made between them")
    return [*people]


def tree_person(
    tree: Bvh | GltfPerson, file: Path, choice: BodyChoice, name: str, arguments: argparse.Namespace
) -> Solved:
    """The motion of a skeleton as SMPL's.

    Args:
        tree: The skeleton.
        file: Its file, for messages.
        choice: The body to pose.
        name: Of the person, for files that name their parts.
        arguments: Options of :func:`s2m.ik.source_options.add_sources`.

    Raises:
        UserError: The tree is no person's.
    """
    found = retarget(tree, choice.body, str(file), arguments.up, arguments.keep_scale)
    rate = 1 / tree.frame_time
    fps = check_fps(arguments.fps or (round(rate) if abs(rate - round(rate)) < 0.02 * rate / 30 else round(rate, 4)))
    poses, places = in_amass_world(found, _pelvis(choice.body))
    everywhere, zeros = np.ones(len(poses), bool), np.zeros(choice.body.num_betas, np.float32)
    for note in found.notes:
        say(arguments, note)
    motion = BodyMotion(choice.body, ArrayRows(poses), places, zeros, fps, choice.label, everywhere, name)
    return Solved(motion, remark=f" at {fps:g} per second")


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


def _refuse(file: Path, arguments: argparse.Namespace, why: str, known: tuple[str, ...] = ()) -> None:
    given = [option for option in said_of_joints(arguments) if option not in known]
    if given:
        raise UserError(f"{file}: --{given[0]}: {why}")


def chosen_bodies(file: Path, arguments: argparse.Namespace) -> list[EstimatedBody]:
    """The people whom the user wants of a file in which a program estimated bodies.

    Args:
        file: Any file.
        arguments: Options of :func:`s2m.ik.source_options.add_sources`.

    Returns:
        By default who is seen in most frames; none where the file is of another kind.

    Raises:
        UserError: There is no such person.
    """
    found = sorted(estimated_bodies(file), key=len, reverse=True)
    if arguments.people is not None:
        return found[: int(min(how_many(arguments) or 1, len(found)))]
    if arguments.person is not None and found:
        wanted = [body for body in found if str(body.number) == arguments.person]
        if not wanted:
            there = ", ".join(str(body.number) for body in found)
            raise UserError(f"{file}: --person: expected one of {there}, found {arguments.person}")
        return wanted[:1]
    if len(found) > 1:
        others = ", ".join(f"{body.number} ({len(body)} frames)" for body in found[1:9])
        warn(f"{file}: {len(found)} people: took {found[0].number}, seen in most frames; the others: {others}")
    return found[:1]


@contextlib.contextmanager
def body_person(
    file: Path,
    choice: BodyChoice,
    name: str,
    folder: Path,
    arguments: argparse.Namespace,
    body: EstimatedBody | None = None,
) -> Iterator[Solved]:
    """The motion of a body (AMASS, SMPL-H, SMPL-X): the rotations of the joints that correspond, as they are.

    Args:
        file: The npz or pkl file.
        choice: The body to pose.
        name: Of the person, for files that name their parts.
        folder: Where what is too long for the memory waits.
        arguments: Options of :func:`s2m.ik.source_options.add_sources`.
        body: Who it is, where the file is of a program that estimated people; else the file holds one body.

    Yields:
        The person, readable within the block.

    Raises:
        UserError: For a file that cannot be used, and for options that mean nothing for one.
    """
    who = ("person", "people") if body else ()
    _refuse(file, arguments, "the file holds a body's motion (poses, trans), which is taken over as it is", who)
    found = body.motion(folder) if body else _read(file, folder)
    with found.poses:
        fps = check_fps(arguments.fps or found.fps or 30.0)
        up = arguments.up or found.up or "y"
        poses, trans = _turned(found, up, choice)
        betas, label, foreign = _shape(found, choice)
        unsaid = [] if arguments.up or found.up else ["with y up (--up)"]
        unsaid += [] if arguments.fps or found.fps else ["at 30 frames per second (--fps)"]
        told = f", read {' and '.join(unsaid)}, since the file does not tell" if unsaid else ""
        say(arguments, f"{file}: a body's motion ({found.model}): rotations are taken over as they are{told}")
        for note in found.notes:
            say(arguments, f"note: {note}")
        posture = _posture(poses)
        if posture:
            axes = "y, z, y-down or z-down"
            warn(f"with {up} up this person is {posture} in most frames; is another axis up? (--up: {axes})")
        motion = BodyMotion(
            choice.body, poses, trans, betas, fps, label, found.valid, name, found.hands, foreign=foreign
        )
        yield Solved(motion, remark=f" at {fps:g} per second")


def _read(file: Path, folder: Path) -> MotionFile:
    return anny_motion(file, folder) if is_anny(file) else read_body_motion(file, folder)


class _TurnedRows:
    """Poses whose root turns in another world.

    Args:
        poses: (T, 72) or (T, 156) axis-angle.
        turn: From their world.
    """

    def __init__(self, poses: Rows, turn: Rotation) -> None:
        self._poses, self._turn = poses, turn

    def __len__(self) -> int:
        return len(self._poses)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """See :class:`s2m.export.motion.Rows`."""
        poses: NDArray[np.float32] = self._poses.read(start, stop).copy()
        poses[:, :3] = (self._turn * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
        return poses


def _turned(found: MotionFile, up: str, choice: BodyChoice) -> tuple[Rows, Floats]:
    """Poses and places in AMASS's world."""
    if up == "z":
        return found.poses, found.trans - _pelvis(choice.body) if found.of_pelvis else found.trans
    turn = _AMASS * Rotation.from_matrix(np.array(UP_AXES[up], np.float64))
    pelvis = _pelvis(choice.body)
    # A body turns about its pelvis joint, which lies off the origin that the place is measured from.
    return _TurnedRows(found.poses, turn), turn.apply(found.trans + pelvis) - pelvis


def _posture(poses: Rows) -> str | None:
    """How somebody mostly is who does not stand in AMASS's world, told by frames that lie evenly over the motion."""
    chosen = np.unique(np.linspace(0, len(poses) - 1, min(len(poses), _SAMPLE)).astype(np.int64)).tolist()
    if not chosen:
        return None
    axis = axis_of_roots(np.concatenate([poses.read(row, row + 1)[:, :3] for row in chosen]))
    return None if axis in (None, "z") else "upside down" if axis == "z-down" else "lying"


def _shape(found: MotionFile, choice: BodyChoice) -> tuple[NDArray[np.float32], BodyLabel, ForeignShape | None]:
    """The betas that shape the posed body, whose they are, and those that the file has of another body."""
    shape = np.zeros(choice.body.num_betas, np.float32)
    if choice.has(found.body) and found.model != "smplx":
        shape[: len(found.betas)] = found.betas[: len(shape)]
        return shape, choice.label, None
    own = BodyLabel(found.gender, found.body or found.model)
    return shape, choice.label, ForeignShape(found.betas, found.model, own)

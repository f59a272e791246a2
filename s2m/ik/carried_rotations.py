"""Rotations that a program's own rig has (SAM 3D Body's), carried over to a motion that was solved from its joints.

A joint of the rig turns as a part of SMPL's body does, up to a constant turn between their frames at rest. No file
tells the rig's rest frames, but every frame in which DIK finds the part's rotation tells them once: the constant is the
median over the clip. What changes from frame to frame is then the file's alone: twists of limbs, of the head and the
chest, which joints tell badly. A mistake that DIK makes in all frames alike stays. Thighs, shanks, arms and forearms
point exactly as the file's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.export.motion import BodyMotion, Frames, Rows
from s2m.formats.tracks import RigMotion
from s2m.ik.turning import between, direction, nearest_rotation, swing
from s2m.skeletons import SIDES, SMPL24

Floats = NDArray[np.float64]

_SPINE = ("spine1", "spine2", "spine3")
_BACK = "lumbar"  # the rig's joints of the back, numbered from the pelvis up
_OTHERS = {"head": "head_joint"} | {f"{side}_foot": f"{side}_ball" for side in SIDES}
_BONES = {
    f"{side}_{start}": f"{side}_{end}"
    for side in SIDES
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
}
_LEAST, _MOST = 8, 512  # frames that tell the constants
_STEADY = np.deg2rad(3.0)  # bones lie so still in their joints' frames
_ROUNDS, _SMALL = 12, 1e-6  # of the median; radians


@dataclass(frozen=True)
class Carried:
    """A motion with a rig's rotations.

    Attributes:
        motion: The motion; the same as before where the rig's rotations cannot be used.
        note: What was done, and why.
    """

    motion: BodyMotion
    note: str


def carry_rotations(motion: BodyMotion, rig: RigMotion, axes: Floats) -> Carried:
    """Take rotations of a rig over.

    Args:
        motion: What was solved from the joints of the same frames.
        rig: The rig's joints; of :data:`s2m.formats.sam3d.RIG_JOINTS`.
        axes: (3, 3) rotation from the rig's axes to the motion's world.

    Returns:
        The motion with the rig's rotations in the frames that have them.
    """
    seen = np.flatnonzero(np.isfinite(rig.turns).all((1, 2, 3)))
    if len(seen) < _LEAST:
        found = f"{len(seen)} frame{'s' * (len(seen) != 1)}"
        return Carried(motion, f"rotations come from the joints: the file's need {_LEAST} frames, there are {found}")
    some = seen[np.unique(np.linspace(0, len(seen) - 1, min(len(seen), _MOST)).astype(int))]
    turns, bones = axes @ rig.turns[some].astype(np.float64), _local_bones(rig, some)
    if not all(_steady(bone) for bone in bones.values()):
        why = "the file's do not move as its joints do"
        return Carried(motion, f"rotations come from the joints: {why}")
    targets = _targets(_world(np.concatenate([_rotations(motion, frame) for frame in some])), rig)
    constants = {joint: median_turn(turns[:, n], targets[joint]) for n, joint in enumerate(rig.joints)}
    apart = np.mean([_angle(turns[:, n] @ constants[j], targets[j]) for n, j in enumerate(rig.joints)])
    for joint, bone in bones.items():
        own = motion.rest.joints[SMPL24.index(_BONES[joint])] - motion.rest.joints[SMPL24.index(joint)]
        constants[joint] = swing(constants[joint] @ own, direction(bone).mean(0)) @ constants[joint]
    rows = CarriedRows(motion.poses, rig, axes, constants)
    note = (
        f"rotations are the file's; the turns between its joints and SMPL's are the median over {len(some)} frames "
        f"of what its joints tell (DIK), from which they part by {np.rad2deg(apart):.1f} degrees on average"
    )
    return Carried(replace(motion, poses=rows), note)


class CarriedRows:
    """Pose vectors of which the joints that a rig has turn as the rig's.

    Args:
        poses: (T, 72) axis-angle, +z up.
        rig: The rig's joints in the same frames.
        axes: (3, 3) rotation from the rig's axes to the poses' world.
        constants: Joint of the rig -> (3, 3) turn from SMPL's part to its frame.
    """

    def __init__(self, poses: Rows, rig: RigMotion, axes: Floats, constants: Mapping[str, Floats]) -> None:
        self._poses, self._rig, self._axes, self._constants = poses, rig, axes, constants

    def __len__(self) -> int:
        return len(self._poses)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """See :class:`s2m.export.motion.Rows`."""
        poses: NDArray[np.float32] = self._poses.read(start, stop).copy()
        turns = self._rig.turns[start:stop].astype(np.float64)
        seen = np.isfinite(turns).all((1, 2, 3))
        if seen.any():
            local = _matrices(poses[seen])
            parts = _parts(self._axes @ turns[seen], self._rig.joints, self._constants)
            poses[seen] = _vectors(_relative(parts, local))
        return poses


def _parts(turns: Floats, joints: tuple[str, ...], constants: Mapping[str, Floats]) -> dict[str, Floats]:
    """SMPL's part -> (T, 3, 3) in the world, of the rotations of a rig's joints."""
    world = {joint: turns[:, n] @ constants[joint] for n, joint in enumerate(joints)}
    back = [world["pelvis"], *(world[joint] for joint in joints if joint.startswith(_BACK))]
    named = {part: world[_OTHERS.get(part, part)] for part in SMPL24.joints if _OTHERS.get(part, part) in world}
    return named | {part: between(back, (n + 1) / len(_SPINE)) for n, part in enumerate(_SPINE)}


def _targets(world: dict[str, Floats], rig: RigMotion) -> dict[str, Floats]:
    """Joint of the rig -> (T, 3, 3) of the part of SMPL's body that turns as it does."""
    parts = {_OTHERS.get(part, part): turns for part, turns in world.items()}
    back, lumbar = [world[part] for part in ("pelvis", *_SPINE)], [j for j in rig.joints if j.startswith(_BACK)]
    shares = {joint: between(back, (n + 1) / len(lumbar)) for n, joint in enumerate(lumbar)}
    return {joint: shares[joint] if joint in shares else parts[joint] for joint in rig.joints}


def median_turn(turns: Floats, targets: Floats) -> Floats:
    """The constant turn that takes rotations nearest to others; frames that are far off count little.

    The L1 mean of turns (Hartley et al. 2011, "L1 rotation averaging"), by Weiszfeld's weights on the chordal mean.

    Args:
        turns: (T, 3, 3).
        targets: (T, 3, 3).

    Returns:
        (3, 3) C with ``turns @ C`` near ``targets``.
    """
    each = turns.swapaxes(-1, -2) @ targets
    mean = nearest_rotation(each.sum(0))
    for _ in range(_ROUNDS):
        weights = 1 / np.maximum(_angle(each, np.broadcast_to(mean, each.shape)), _SMALL)
        mean = nearest_rotation(np.einsum("t,tij->ij", weights, each))
    return mean


def _angle(first: Floats, second: Floats) -> Floats:
    return np.asarray(Rotation.from_matrix(first.swapaxes(-1, -2) @ second).magnitude())


def _local_bones(rig: RigMotion, frames: NDArray[np.int64]) -> dict[str, Floats]:
    """Joint -> (T, 3) direction of its bone in its own frame."""
    turns = {joint: rig.turns[frames, rig.joints.index(joint)].astype(np.float64) for joint in _BONES}
    return {joint: np.einsum("tji,tj->ti", turns[joint], _bone(rig, frames, joint)) for joint in _BONES}


def _bone(rig: RigMotion, frames: NDArray[np.int64], joint: str) -> Floats:
    """(T, 3) direction of the bone that begins at a joint."""
    start, end = (rig.points[frames, rig.joints.index(name)].astype(np.float64) for name in (joint, _BONES[joint]))
    return direction(end - start)


def _steady(bone: Floats) -> bool:
    cosines = (bone @ direction(bone.mean(0))).clip(-1, 1)
    return bool(np.median(np.arccos(cosines)) < _STEADY)


def _rotations(motion: BodyMotion, frame: int) -> Floats:
    frames: Frames = motion.z_up(int(frame), int(frame) + 1)
    return np.asarray(Rotation.from_quat(frames.rotations[0]).as_matrix()[None])


def _matrices(poses: NDArray[np.float32]) -> Floats:
    return np.asarray(Rotation.from_rotvec(poses.reshape(-1, 3).astype(np.float64)).as_matrix()).reshape(
        len(poses), -1, 3, 3
    )


def _vectors(rotations: Floats) -> NDArray[np.float32]:
    vectors = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(len(rotations), -1).astype(np.float32)


def _world(local: Floats) -> dict[str, Floats]:
    """SMPL's part -> (T, 3, 3) in the world."""
    world: list[Floats] = []
    for joint, parent in enumerate(SMPL24.parents):
        world.append(local[:, joint] if parent < 0 else world[parent] @ local[:, joint])
    return dict(zip(SMPL24.joints, world, strict=True))


def _relative(parts: dict[str, Floats], local: Floats) -> Floats:
    """(T, 24, 3, 3) relative to the parents; parts that are not named keep what they are."""
    found = local.copy()
    world: list[Floats] = []
    for number, (joint, parent) in enumerate(zip(SMPL24.joints, SMPL24.parents, strict=True)):
        above = np.eye(3) if parent < 0 else world[parent]
        world.append(parts[joint] if joint in parts else above @ local[:, number])
        found[:, number] = np.swapaxes(above, -1, -2) @ world[-1]
    return found

"""Genuine motion for DIK's constants and tables: AMASS-style files of a folder, a part to measure on and one to test.

Joint errors are told apart by what joints can tell. ``observable``: the chest against the pelvis, the head against the
chest (where neither nose nor ears are seen: the direction of the head's bone); the direction of every upper bone, and
its twist where the limb is bent enough to show it; the direction of every lower bone in the upper one's frame. Left
out: the forearm's and the shank's own twist, the split of a bend along the spine and between neck and head, the twist
of a straight limb.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import roma
import torch
from torch import Tensor

from s2m.data.motion import amass
from s2m.data.motion.clips import MotionError
from s2m.ik.inputs import facing
from s2m.ik.joint_maps import parts_of
from s2m.ik.rest import RestSkeleton
from s2m.metrics.rotations import geodesic_angle
from s2m.skeletons import SMPL24

_TAKE = re.compile(r"[_\- ]*(\d+)(?:_(?:poses|stageii))?$")
_BENT = 0.35  # radians (20 degrees): with less, a limb's twist is not seen


@dataclass(frozen=True)
class Takes:
    """Recordings of one folder. names: of the files; rotations: (T, 24, 3, 3) of each."""

    names: tuple[str, ...]
    rotations: tuple[Tensor, ...]

    def part(self, test: bool) -> Takes:
        """Takes with an even number at the end of their names are for testing, all others to measure on.

        Names without a number are numbered by their place in the alphabet.
        """
        numbers = [int(found[1]) if (found := _TAKE.search(name)) else i for i, name in enumerate(self.names)]
        chosen = [i for i, number in enumerate(numbers) if (number % 2 == 0) == test]
        return Takes(tuple(self.names[i] for i in chosen), tuple(self.rotations[i] for i in chosen))

    def kinds(self) -> dict[str, Tensor]:
        """All frames of each kind of motion: of the names without their numbers."""
        found: dict[str, list[Tensor]] = {}
        for name, rotations in zip(self.names, self.rotations, strict=True):
            found.setdefault(_TAKE.sub("", name), []).append(rotations)
        return {kind: torch.cat(parts) for kind, parts in found.items()}

    def all(self) -> Tensor:
        """All frames (N, 24, 3, 3), take after take."""
        return torch.cat(self.rotations)


def read_takes(folder: Path) -> Takes:
    """Every AMASS-style file below ``folder``, at its own frame rate. MotionError when there is none."""
    if not folder.is_dir():
        raise MotionError(f"{folder}: no such folder")
    paths = [path for path in sorted(folder.rglob("*.npz")) if amass.is_motion_file(path)]
    if not paths:
        raise MotionError(f"{folder}: no npz with a field 'poses' below this folder")
    names = tuple(path.relative_to(folder).with_suffix("").as_posix() for path in paths)
    poses = (torch.from_numpy(amass.read(path).clip.poses) for path in paths)
    return Takes(names, tuple(roma.rotvec_to_rotmat(pose) for pose in poses))


def head_bone(rest: RestSkeleton) -> Tensor | None:
    """The bone that alone shows the head where a joint set has neither nose nor ears; ``None`` where it has them.

    Args:
        rest: The skeleton at rest.

    Returns:
        (2, 3) metres, at rest: its part that the neck carries, up to the body's head joint, and the head's.
    """
    names = rest.joint_set
    if facing(parts_of(names)) is not None:
        return None
    start = rest.joints[names.index("neck_nose" if "neck_nose" in names else "thorax")]
    joint = rest.body_joints[SMPL24.index("head")]
    return torch.stack([joint - start, rest.joints[names.index("head")] - joint])


def observable_errors(found: Tensor, truth: Tensor, rest: Tensor, head: Tensor | None = None) -> Tensor:
    """Errors in radians (N, 10) of what joints can tell of the ten rotations.

    Args:
        found: Rotations (N, 24, 3, 3), relative to the parent.
        truth: The true ones, the same.
        rest: The body's joints (24, 3) at rest, metres.
        head: See :func:`head_bone`; ``None``: nose or ears show the head whole.

    Returns:
        Columns: torso, head, shoulders and elbows (left, then right), hips and knees.
    """
    at = SMPL24.index

    def chain(rotations: Tensor, *joints: str) -> Tensor:
        result = rotations[:, at(joints[0])]
        for joint in joints[1:]:
            result = result @ rotations[:, at(joint)]
        return result

    torso, neck, above = (
        [chain(rotations, *joints) for rotations in (found, truth)]
        for joints in (("spine1", "spine2", "spine3"), ("neck",), ("neck", "head"))
    )
    columns = [geodesic_angle(*torso)]
    if head is None:
        columns.append(geodesic_angle(*above))
    else:
        lower, upper = head.to(found)
        columns.append(_between(*(n @ lower + t @ upper for n, t in zip(neck, above, strict=True))))
    for upper, lower, end in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
        for side in ("left", "right"):
            ball, hinge, tip = (at(f"{side}_{part}") for part in (upper, lower, end))
            bones = rest[hinge] - rest[ball], rest[tip] - rest[hinge]
            swing, bend = (
                _between(found[:, joint] @ bone.to(found), truth[:, joint] @ bone.to(truth))
                for joint, bone in ((ball, bones[0]), (hinge, bones[1]))
            )
            bent = geodesic_angle(truth[:, hinge], torch.eye(3).expand_as(truth[:, hinge])) > _BENT
            columns += [torch.where(bent, geodesic_angle(found[:, ball], truth[:, ball]), swing), bend]
    return torch.stack(columns, 1)


def _between(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.double(), b.double()
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1))


def jumps(found: Tensor, truth: Tensor) -> Tensor:
    """(T - 1, 24) by how much more than the truth every rotation turns between consecutive frames, radians."""
    return geodesic_angle(found[1:], found[:-1]) - geodesic_angle(truth[1:], truth[:-1])

"""The numbers of recovered people: an AMASS-style npz each, and one json of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.export.motion import BodyMotion
from s2m.files import replacing
from s2m.formats.amass import BodyLabel, smplh_poses, write_amass
from s2m.formats.spool import Spool
from s2m.ik import quaternion as quat
from s2m.recover.bodies import Bodies
from s2m.recover.result import Person, Result, RowReader, stretches

# Frame of a level camera (+x right, +y down, +z forward) to AMASS's world (+z up).
_LEVEL_TO_WORLD = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_DIGITS_PIXELS, _DIGITS_METRES = 2, 4


def write_person(path: Path, person: Person, result: Result, label: BodyLabel) -> None:
    """Write a person's motion as an AMASS-style npz, whole or not at all.

    Beside AMASS's own fields: ``frames`` (T,) and ``times`` (T,) of the video; ``joints`` (J,) names, ``joints2d`` (T,
    J, 2) pixels and ``joints3d`` (T, J, 3) metres in the camera's frame, both of the body; ``confidence`` (T, J) of the
    detector and ``seen`` (T, J); ``focal`` in pixels, ``image_size`` (2,) and ``world_to_camera`` (4, 4), the same in
    all frames.

    Args:
        path: The file to write.
        person: Whose.
        result: To which the person belongs.
        label: Which body it is.

    Raises:
        WriteError: It cannot be written.
    """
    motion = world_motion(person, result, label)
    with Spools(path.parent, ("poses", "joints2d", "joints3d", "confidence", "seen")) as spools:
        for bodies in stretches(person):
            spools.append("poses", smplh_poses(world_poses(bodies, to_world(result))))
            for name in ("joints2d", "joints3d", "confidence", "seen"):
                spools.append(name, getattr(bodies, name).numpy())
        frames = np.arange(person.first, person.first + len(person))
        extrinsics = np.eye(4)
        extrinsics[:3, :3] = to_world(result).T.numpy()
        more: dict[str, Spool | NDArray[Any]] = {
            **{name: spools[name] for name in ("joints2d", "joints3d", "confidence", "seen")},
            "frames": frames,
            "times": result.times[frames],
            "joints": np.array(result.joint_set.joints),
            "focal": np.array(result.camera.focal),
            "image_size": np.array([result.camera.width, result.camera.height]),
            "world_to_camera": extrinsics,
        }
        write_amass(path, spools["poses"], motion.trans, motion.betas, result.fps, label, person.valid, more=more)


class Spools:
    """Arrays that wait on the disk, by name.

    Args:
        folder: Where.
        names: Of the arrays.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._spools = {name: Spool(folder) for name in names}

    def __enter__(self) -> Spools:
        return self

    def __exit__(self, *error: object) -> None:
        for spool in self._spools.values():
            spool.close()

    def __getitem__(self, name: str) -> Spool:
        return self._spools[name]

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows to an array.

        Args:
            name: Of the array.
            rows: (N, ...).
        """
        self._spools[name].append(rows)


def world_motion(person: Person, result: Result, label: BodyLabel) -> BodyMotion:
    """A person's motion in AMASS's world, whose origin is the camera.

    Args:
        person: The person.
        result: To which the person belongs.
        label: Which body it is.
    """
    poser, turn = person.poser, to_world(result)
    betas, pelvis = _shape(person)
    places = [_world_places(bodies, pelvis, turn) for bodies in stretches(person)]
    return BodyMotion(
        poser.body,
        _WorldPoses(person, turn),
        np.concatenate(places),
        betas,
        result.fps,
        label,
        person.valid,
        f"person-{person.number}",
    )


def _shape(person: Person) -> tuple[NDArray[np.float32], Tensor]:
    """The betas (10,) of a person, and where the pelvis of that shape is at rest (3,)."""
    betas = person.read(0, 1).params.betas
    return betas[0].numpy().astype(np.float32), person.poser.body.rest_joints(betas)[0, 0]


def to_world(result: Result) -> Tensor:
    """(3, 3) from the frame of a result's camera to AMASS's world.

    Args:
        result: What was recovered.
    """
    return _LEVEL_TO_WORLD @ result.tilt.levelled


def world_poses(bodies: Bodies, turn: Tensor) -> NDArray[np.float32]:
    """(T, 72) axis-angle with the root in AMASS's world.

    Args:
        bodies: Rows of one person.
        turn: Of :func:`to_world`.
    """
    rotations = bodies.params.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    poses: NDArray[np.float32] = quat.to_axis_angle(quat.from_matrix(rotations)).flatten(1).numpy()
    return poses


def _world_places(bodies: Bodies, pelvis: Tensor, turn: Tensor) -> NDArray[np.float64]:
    """A body turns about its own pelvis, which stays where it is at rest: the turn of the world moves that, too."""
    assert bodies.params.transl is not None
    place = (bodies.params.transl + pelvis) @ turn.T - pelvis
    return place.double().numpy()


class _WorldPoses:
    """Poses as writers of motion read them."""

    def __init__(self, person: Person, turn: Tensor) -> None:
        self._person, self._turn = person, turn

    def __len__(self) -> int:
        return len(self._person)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """See :class:`s2m.export.motion.Rows`."""
        return world_poses(self._person.read(start, stop), self._turn)


def write_people(path: Path, result: Result) -> None:
    """Write joints, cameras and scores of everybody as json, frame by frame, whole or not at all.

    Args:
        path: The file to write.
        result: What was recovered.

    Raises:
        WriteError: It cannot be written.
    """
    head = {
        "input": result.name,
        "image_size": [result.camera.width, result.camera.height],
        "camera": {
            "focal": round(result.camera.focal, _DIGITS_PIXELS),
            "centre": list(result.camera.centre),
            "source": result.camera.source,
            "pitch_degrees": round(result.tilt.pitch.degrees, _DIGITS_PIXELS),
            "pitch_source": result.tilt.pitch.source,
            "roll_degrees": round(result.tilt.roll.degrees, _DIGITS_PIXELS),
            "roll_source": result.tilt.roll.source,
        },
        "fps": result.fps if result.video else None,
        "units": {"joints2d": "pixels", "joints3d": "metres, camera frame: +x right, +y down, +z forward"},
        "joints": list(result.joint_set.joints),
        "people": [
            {
                "person": person.number,
                "frames": [person.first, person.first + len(person) - 1],
                "betas": _numbers(_shape(person)[0], _DIGITS_METRES),
            }
            for person in result.people
        ],
        "notes": list(result.notes),
    }
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "frames": [')
        for number, entry in enumerate(_frames(result)):
            file.write((",\n" if number else "\n") + json.dumps(entry))
        file.write("\n]}\n")


def _frames(result: Result) -> Iterator[dict[str, Any]]:
    readers = [RowReader(person) for person in result.people]
    for frame, time in enumerate(result.times.tolist()):
        entries = [_entry(reader, frame) for reader in readers]
        yield {
            "frame": frame,
            "time": round(time, _DIGITS_METRES),
            "people": [entry for entry in entries if entry is not None],
        }


def _entry(reader: RowReader, frame: int) -> dict[str, Any] | None:
    found = reader.at(frame)
    if found is None:
        return None
    bodies, box = found
    assert bodies.params.transl is not None
    return {
        "person": reader.person.number,
        "score": _numbers(box[4:], _DIGITS_METRES)[0],
        "box": _numbers(box[:4], _DIGITS_PIXELS),
        "transl": _numbers(bodies.params.transl[0].numpy(), _DIGITS_METRES),
        "joints2d": _numbers(bodies.joints2d[0].numpy(), _DIGITS_PIXELS),
        "joints3d": _numbers(bodies.joints3d[0].numpy(), _DIGITS_METRES),
        "confidence": _numbers(bodies.confidence[0].numpy(), _DIGITS_METRES),
        "seen": bodies.seen[0].tolist(),
    }


def _numbers(values: NDArray[Any], digits: int) -> list[Any]:
    """Rounded numbers; json has no word for what is not a number."""
    known = np.isfinite(values)
    rounded: NDArray[Any] = np.round(np.asarray(values, np.float64), digits)
    if not known.all():
        rounded = rounded.astype(object)
        rounded[~known] = None
    found: list[Any] = rounded.tolist()
    return found

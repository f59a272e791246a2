"""Who of the people of a photo or video stands, and so tells how the camera is held (see :mod:`s2m.lifter.tilt`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from s2m.lifter.tilt import Tilt, looked_at, read_tilt, upward
from s2m.recover.result import Person
from s2m.skeletons import JointSet

_FEWEST_IN_PHOTOS = 3  # people: what one tells in one moment is no average


def tilt_of(people: Sequence[Person], joint_set: JointSet, fps: float | None = None) -> Tilt:
    """How the camera of a photo or video is held.

    Args:
        people: Of the photo or video.
        joint_set: Of their joints.
        fps: Frames per second of a video; ``None`` for a photo.

    Returns:
        What people tell; level where too few stand, or what they tell may be chance.
    """
    lines = [standing(person, joint_set) for person in people]
    return read_tilt(lines, fps, _FEWEST_IN_PHOTOS if fps is None else 1)


def standing(person: Person, joint_set: JointSet) -> Tensor:
    """Where up is for a person who stands.

    Args:
        person: The person.
        joint_set: Of the joints.

    Returns:
        (N, 3) as :func:`s2m.lifter.tilt.upward` gives it.
    """
    found = []
    for start, stop in looked_at(len(person)):
        bodies, valid = person.read(start, stop), torch.from_numpy(person.valid[start:stop])
        found.append(upward(bodies.joints3d, bodies.seen & valid[:, None], joint_set))
    return torch.cat(found)

"""What shakes on the spot is no person; who stands, walks, exercises or is hardly seen is."""

from __future__ import annotations

import numpy as np
import pytest

from s2m.detect import Detection
from s2m.recover.steadiness import Steadiness

from .actors import CAMERA, acted, true_joints

DIAGONAL = 3000.0


def watched(poses: np.ndarray, every: int = 1) -> Steadiness:
    found = Steadiness()
    for frame, joints in enumerate(poses):
        box = np.concatenate([joints.min(0), joints.max(0)])
        found.add(frame * every, Detection(joints, np.ones(len(joints)), "s2m27", box, 1.0))
    return found


def person(clip: str, noise: float, frames: int = 24) -> np.ndarray:
    """Of 120 pixels, at 30 frames per second."""
    pixels = CAMERA.pixels(true_joints(acted(clip, range(frames), (0.0, 0.1, 4.0)))).double().numpy()
    return pixels + noise * np.random.default_rng(0).standard_normal(pixels.shape)


def thing() -> np.ndarray:
    """Another pose in every frame, in the same place."""
    return person("walk", 0.0)[:1] + 8.0 * np.random.default_rng(1).standard_normal((30, 27, 2))


def test_another_pose_in_every_frame_is_a_thing() -> None:
    assert watched(thing()).is_thing(DIAGONAL)


@pytest.mark.parametrize("clip", ["walk", "run", "backflip", "cartwheel", "spin", "kick", "punch", "dance_a", "jump"])
def test_people_are_none(clip: str) -> None:
    """Not even where they run, jump and turn on the spot."""
    joints = person(clip, 1.0)
    on_the_spot = joints - (joints.min(1) + joints.max(1))[:, None] / 2 + CAMERA.centre
    for poses in (joints, on_the_spot):
        assert not watched(poses).is_thing(DIAGONAL)
        assert not watched(poses[::3]).is_thing(DIAGONAL)


def test_who_stands_still_is_none() -> None:
    still = np.repeat(person("walk", 0.0)[:1], 30, 0)
    assert not watched(still + np.random.default_rng(2).standard_normal(still.shape)).is_thing(DIAGONAL)


def test_nothing_is_said_of_what_is_large_or_hardly_seen() -> None:
    assert not watched(thing() * 5).is_thing(DIAGONAL)
    assert not watched(thing()[:4]).is_thing(DIAGONAL)
    assert not watched(thing(), every=2).is_thing(DIAGONAL)  # never three frames in a row

"""Lifters that learned on the videos as `s2m adapt` has them learn: on detected 2D joints alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from s2m import artifact as artifacts
from s2m.adaptation import recordings as recorded
from s2m.adaptation.adapt import adapt
from s2m.adaptation.training import Settings
from s2m.detect.blazepose import SURE
from s2m.formats.tracks import Track
from s2m.lifter.keypoints import best_lifter_set
from s2m.lifter.settings import pinhole
from s2m.lifter.shipped_lifters import shipped, shipped_file, shipped_head, shipped_records
from s2m.recover.own_lifter import OwnLifter
from s2m.skeletons import BLAZEPOSE33, JointSet
from studies.real.methods import Method, View, everything, lifted, recovered
from studies.real.recording import Recording
from studies.real.wheel import CAMERAS

SEED = 0


def adapted(recording: Recording, views: Sequence[int]) -> OwnLifter:
    """The shipped lifter after it learned on some views, as if each were a recording of its own.

    Args:
        recording: Of the person.
        views: Numbers of the cameras.

    Returns:
        The lifter, with the head of the one that it comes from.
    """
    name = best_lifter_set(BLAZEPOSE33, list(shipped_records()))
    lifter, config = shipped(name), artifacts.load(shipped_file(name), "lifter").config.get("model")
    taken = [_recording(CAMERAS[number], recording.view(number), lifter.joint_set) for number in views]
    found = adapt(lifter, *recorded.divided(taken), Settings(seed=SEED), config, progress=False)
    assert found.lifter is not None  # depth of the wrong sign
    return OwnLifter(found.lifter, shipped_head(name))


def adapted_methods(recording: Recording) -> dict[str, list[Method]]:
    """What is made of each view by lifters that learned on all views, on the others and on this one alone.

    Args:
        recording: Of the person.

    Returns:
        Methods by name, one for each camera.
    """
    cameras = range(len(CAMERAS))
    everywhere = [adapted(recording, list(cameras))] * len(CAMERAS)
    elsewhere = [adapted(recording, [other for other in cameras if other != one]) for one in cameras]
    alone = [adapted(recording, [one]) for one in cameras]
    return {
        "s2m adapt on the four views, s2m lift --video, detected 2D": [partial(_detected, own) for own in everywhere],
        "s2m adapt on the four views, s2m recover": [partial(recovered, own=own) for own in everywhere],
        "s2m adapt on the four views, s2m lift --video, exact 2D": [partial(_exact, own) for own in everywhere],
        "s2m adapt on the other three, s2m lift --video, detected 2D": [partial(_detected, own) for own in elsewhere],
        "s2m adapt on the other three, s2m recover": [partial(recovered, own=own) for own in elsewhere],
        "s2m adapt on the other three, s2m lift --video, exact 2D": [partial(_exact, own) for own in elsewhere],
        "s2m adapt on this view alone, s2m lift --video, detected 2D": [partial(_detected, own) for own in alone],
        "s2m adapt on this view alone, s2m lift --video, exact 2D": [partial(_exact, own) for own in alone],
    }


def _recording(name: str, view: View, joint_set: JointSet) -> recorded.Recording:
    sure = np.where(view.confidence >= SURE, view.confidence, 0.0).astype(np.float32)
    points = np.where(sure[..., None] > 0, view.detected, np.nan)
    width, height = (2 * view.centre).tolist()
    return recorded.Recording.of_track(
        name, Track(points, sure, BLAZEPOSE33), joint_set, pinhole(None, (width, height))
    )


def _detected(own: OwnLifter, view: View) -> np.ndarray:
    return lifted(view.detected, everything(view.detected), view.fps, own=own)


def _exact(own: OwnLifter, view: View) -> np.ndarray:
    return lifted(view.exact, everything(view.exact), view.fps, own=own)
